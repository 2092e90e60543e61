"""Raw tables to encoded rows, and which of them are the support or the next query chunk."""
