"""
L{Fields}: names and values, such as those of a query, a form, or the cookies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import parse_qsl

from ..errors import MalformedValue

# The most fields that a query may have.
_FIELDS: Final = 1_000


class Fields(Mapping[str, str]):
    """
    Values by name. A name may occur several times: as a mapping, this has the last value of each.

    @ivar pairs: All of them, in their order.
    """

    __slots__ = ("_values", "pairs")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self.pairs = tuple(pairs)
        self._values = dict(self.pairs)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {', '.join(self._values)}>"

    def all(self, name: str) -> list[str]:
        """
        All values of a name, in their order.
        """
        return [value for key, value in self.pairs if key == name]


def parseFields(text: str, what: str, most: int = _FIELDS) -> Fields:
    """
    Read C{name=value&name=value}, as in a query or a form. Bytes that are not UTF-8 are kept, as in
    C{os.environ}.

    @param what: What is read, for the message.
    @param most: How many fields there may be.
    @raise MalformedValue: If there are more.
    """
    if text.count("&") >= most:
        raise MalformedValue(f"the {what} has more than {most} fields")
    return Fields(parse_qsl(text, keep_blank_values=True, errors="surrogateescape"))


def parseCookies(text: str) -> Fields:
    """
    Read a Cookie header (RFC 6265, section 4.2.1). Of several cookies with one name, the first
    counts: browsers send the one with the longest path first (section 5.4).
    """
    pairs = []
    for cookie in text.split(";"):
        name, equals, value = cookie.partition("=")
        value = value.strip()
        if equals:
            if len(value) > 1 and value[0] == value[-1] == '"':
                value = value[1:-1]
            pairs.append((name.strip(), value))
    pairs.reverse()
    return Fields(pairs)
