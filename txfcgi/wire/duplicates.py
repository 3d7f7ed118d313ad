"""
Which param of a FastCGI request counts if several have the same name: see L{DUPLICATES}.
"""

from __future__ import annotations

from typing import Final

from ..errors import DuplicateName
from .pairs import decodePairs, decodeTexts, dividePairs, findValue
from .params import NameValueParams
from .variables import ParamNames


class FirstParams(NameValueParams):
    """
    Those of which the first one counts where a name comes several times.
    """

    __slots__ = ()

    def find(self, name: bytes) -> bytes | None:
        """
        The value of the first param of this name, or L{None}.
        """
        for each, value in self.raw:
            if each == name:
                return value
        return None

    def decode(self) -> dict[str, str]:
        """
        All of them, as text.
        """
        table: dict[str, str] = {}
        for name, value in self.raw:
            text = value.decode("utf-8", "surrogateescape")
            table.setdefault(name.decode("utf-8", "surrogateescape"), text)
        return table

    def divide(self, names: ParamNames) -> tuple[list[tuple[bytes, bytes]], dict[str, str]]:
        """
        All of them in two: the HTTP headers, and the others.
        """
        headers, others = super().divide(names)
        table = self.decode()
        return headers, {name: table[name] for name in others}


class UniqueParams(NameValueParams):
    """
    Those in which no name may come several times. If one does, each look raises
    L{DuplicateName<txfcgi.errors.DuplicateName>}.
    """

    __slots__ = ("_unique",)

    def __init__(self, block: bytes, limit: int = 1_000) -> None:
        super().__init__(block, limit)
        self._unique = False

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        """
        Every pair as it came, in its order.
        """
        self.check()
        return decodePairs(self._block)

    def find(self, name: bytes) -> bytes | None:
        """
        The value of the param of this name, or L{None}.
        """
        self.check()
        return findValue(self._block, name)

    def decode(self) -> dict[str, str]:
        """
        All of them, as text.
        """
        self.check()
        return decodeTexts(self._block)

    def divide(self, names: ParamNames) -> tuple[list[tuple[bytes, bytes]], dict[str, str]]:
        """
        All of them in two: the HTTP headers, and the others.
        """
        self.check()
        return dividePairs(self._block, names)

    def check(self) -> None:
        """
        See that they can be read, and that no name comes twice.
        """
        if self._unique:
            return
        super().check()
        self.checked = False
        _refuseDuplicates([name for name, _ in decodePairs(self._block)])
        self._unique = self.checked = True


#: The params of a FastCGI request, by what is done about a name that comes several times.
DUPLICATES: Final[dict[str, type[NameValueParams]]] = {
    "last": NameValueParams,
    "first": FirstParams,
    "reject": UniqueParams,
}


def _refuseDuplicates(names: list[bytes]) -> None:
    seen = set()
    for name in names:
        if name in seen:
            raise DuplicateName(f"the param {name[:64]!r} is there twice")
        seen.add(name)
