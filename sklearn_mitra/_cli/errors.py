"""The error of a command."""


class CommandError(Exception):
    """Something that whoever gave the command can mend; its message says how."""
