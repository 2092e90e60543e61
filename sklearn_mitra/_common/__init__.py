"""What all other rooms may use: checked fields, files, folds, ordered means."""
