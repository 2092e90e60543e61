"""The exception of commands."""


class CommandError(Exception):
    """An error that the user can fix, with a message that explains how."""
