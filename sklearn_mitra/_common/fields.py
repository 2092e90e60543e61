"""JSON objects from files, with a check for every field that is read."""

from reprlib import repr as brief  # damaged input may be megabytes long
from typing import Any, ClassVar

__all__ = ["Fields", "brief"]


class Fields:
    """A JSON object from outside. Subclasses set the exception to raise for invalid fields.

    Parameters
    ----------
    obj : object
        The parsed JSON.
    where : str
        The object's name in error messages.
    """

    error: ClassVar[type[Exception]]

    def __init__(self, obj: object, where: str) -> None:
        self._where = where
        if not isinstance(obj, dict):
            raise self.error(f"{where} must be an object. Got {brief(obj)} instead.")
        self._obj = obj

    def __contains__(self, key: str) -> bool:
        return key in self._obj

    def require(self, condition: bool, key: str, needed: str) -> None:
        """Raise an error that a field must be ``needed``, unless a condition holds."""
        if not condition:
            got = brief(self._obj[key]) if key in self._obj else "nothing"
            raise self.error(f"{key!r} in {self._where} must be {needed}. Got {got} instead.")

    def get(self, key: str, needed: str, *types: type) -> Any:
        """A field of one of the types, which ``needed`` puts into words. A bool is not an int."""
        value = self._obj.get(key)
        self.require(key in self._obj and type(value) in types, key, needed)
        return value

    def count(self, key: str) -> int:
        """A positive integer."""
        value: int = self.get(key, "a positive integer", int)
        self.require(value > 0, key, "a positive integer")
        return value

    def optional(self, key: str) -> bool:
        """Whether a field is an object. It must be an object or null."""
        return self.get(key, "an object or null", dict, type(None)) is not None

    def fields(self, key: str) -> Any:
        """An object, as an instance of this class."""
        return self._inside(self.get(key, "an object", dict), f"{key!r} in {self._where}")

    def objects(self, key: str, empty: bool = False, null: bool = False) -> list[Any]:
        """A list of objects, each as an instance of this class.

        The list may be empty only with ``empty``. With ``null``, entries may be null, and become
        None.
        """
        values = self.get(key, "a list of objects", list)
        self.require(empty or len(values) > 0, key, "a list of one or more objects")
        return [
            None if null and v is None else self._inside(v, f"{key!r}[{i}] in {self._where}")
            for i, v in enumerate(values)
        ]

    def _inside(self, obj: object, where: str) -> Any:
        return type(self)(obj, where)

    def strings(self, key: str, length: int) -> list[str]:
        """A list of strings, of the given length."""
        values: list[str] = self.get(key, "a list", list)
        fits = len(values) == length and all(isinstance(value, str) for value in values)
        self.require(fits, key, f"a list of {length} strings")
        return values
