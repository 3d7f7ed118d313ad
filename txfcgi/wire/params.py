"""
L{Params}: the params of a request, decoded when they are asked for.

Most apps use a few of them. So the first two look-ups each search the encoded block, and decode
only what they find; the third one decodes all params.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Final, TypeVar, overload

from ..errors import (
    ContentLengthNotFirst,
    DuplicateName,
    EmptyName,
    MalformedContentLength,
    MissingVersion,
    OddStrings,
    ParamsTooLarge,
    UnterminatedString,
)
from .pairs import countPairs, decodePairs, decodeTexts, dividePairs, findValue
from .variables import ParamNames

_LOOKS: Final = 2
_Default = TypeVar("_Default")


class Params(Mapping[str, str]):
    """
    The params of a request, by name: the last one wins where a name comes several times. They
    are decoded as C{os.environ} is, in UTF-8 with surrogateescape, so that nothing is lost.

    Each look-up raises L{MalformedParams<txfcgi.errors.MalformedParams>} if not all params can be
    read, and L{ParamsTooLarge<txfcgi.errors.ParamsTooLarge>} if there are too many. So does
    L{check}, by which a server makes sure that no response is sent where they can't be read, even
    if the app ignored the error.

    @ivar checked: Whether they were checked already, and can all be read.
    """

    __slots__ = ("_looks", "_table", "checked")

    def __init__(self) -> None:
        self._looks = 0
        self._table: dict[str, str] | None = None
        self.checked = False

    # To be implemented for each protocol

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        """
        Every pair as it was sent, in order, with duplicates.
        """
        raise NotImplementedError

    def find(self, name: bytes) -> bytes | None:
        """
        The value of the last param of this name, or L{None}.
        """
        raise NotImplementedError

    def mayHold(self, pair: bytes) -> bool:
        """
        Whether a look for a name could find a certain value: a false answer is certain and costs
        next to nothing, a true one has to be looked up.

        @param pair: The name and the value, one behind the other.
        """
        raise NotImplementedError

    def decode(self) -> dict[str, str]:
        """
        All of them, as text.
        """
        raise NotImplementedError

    def divide(self, names: ParamNames) -> tuple[list[tuple[bytes, bytes]], dict[str, str]]:
        """
        All of them in two: the HTTP headers, as bytes, in their order, duplicates kept; and the
        last of each other name, as text.

        @param names: What their names mean.
        """
        raise NotImplementedError

    def check(self) -> None:
        """
        Check that all of them can be read, unless a look-up has already shown that.

        @raise MalformedParams: If they can't be read.
        @raise ParamsTooLarge: If there are too many.
        """
        raise NotImplementedError

    # The same for all protocols

    def getBytes(self, name: str | bytes) -> bytes | None:
        """
        A value as it was sent.

        @return: The bytes, or L{None} if the param was not sent.
        """
        if isinstance(name, str):
            try:
                name = name.encode("utf-8", "surrogateescape")
            except UnicodeEncodeError:  # text that no bytes stand for
                return None
        return self.find(name)

    def text(
        self, name: str | bytes, encoding: str = "utf-8", errors: str = "strict"
    ) -> str | None:
        """
        A value as text.

        @param encoding: The encoding of the value.
        @param errors: What happens to bytes that are not text, as for C{bytes.decode}.
        @return: The text; L{None} if the param was not sent, or can't be decoded.
        @raise LookupError: If Python does not know C{encoding} or C{errors}.
        """
        _checkCodec(encoding, errors)
        return _decoded(self.getBytes(name), encoding, errors)

    def textPairs(
        self, encoding: str = "utf-8", errors: str = "strict"
    ) -> list[tuple[str, str | None]]:
        """
        Every pair as it came, in its order, duplicates kept: the name as L{keys} has it, and the
        value as L{text} has it.
        """
        _checkCodec(encoding, errors)
        return [
            (name.decode("utf-8", "surrogateescape"), _decoded(value, encoding, errors))
            for name, value in self.raw
        ]

    @overload
    def get(self, name: str, /) -> str | None: ...

    @overload
    def get(self, name: str, default: str, /) -> str: ...

    @overload
    def get(self, name: str, default: _Default, /) -> str | _Default: ...

    def get(self, name: object, default: object = None, /) -> object:
        """
        A value, or the default if the param was not sent.
        """
        if not isinstance(name, str):
            return default
        if self._table is None:
            self._looks += 1
            if self._looks <= _LOOKS:
                try:
                    value = self.find(name.encode("utf-8", "surrogateescape"))
                except UnicodeEncodeError:  # text that no bytes stand for
                    return default
                return default if value is None else value.decode("utf-8", "surrogateescape")
            self._table = self.decode()
        return self._table.get(name, default)

    def __getitem__(self, name: object) -> str:
        if isinstance(name, str):
            if self._table is not None:
                return self._table[name]
            value = self.get(name)
            if value is not None:
                return value
        raise KeyError(name)

    def keys(self) -> KeysView[str]:
        """
        All names.
        """
        return self.texts().keys()

    def values(self) -> ValuesView[str]:
        """
        All values.
        """
        return self.texts().values()

    def items(self) -> ItemsView[str, str]:
        """
        All names, each with its value.
        """
        return self.texts().items()

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.texts())

    def __len__(self) -> int:
        return len(self.texts())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Params):
            return self.raw == other.raw
        return isinstance(other, Mapping) and self.texts() == dict(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def texts(self) -> Mapping[str, str]:
        """
        All of them, as text, by name. The mapping is made once, and is the fastest way to look at
        many.
        """
        if self._table is None:
            self._table = self.decode()
        return self._table


def _checkCodec(encoding: str, errors: str) -> None:
    """
    @raise LookupError: If Python does not know C{encoding} or C{errors}.
    """
    for codec, way in ((encoding, "replace"), ("utf-8", errors)):
        try:
            b"\xff".decode(codec, way)
        except UnicodeDecodeError:
            continue


def _decoded(value: bytes | None, encoding: str, errors: str) -> str | None:
    """
    A value as text, if it is there and can be decoded.
    """
    try:
        return None if value is None else value.decode(encoding, errors)
    except UnicodeDecodeError:
        return None


class NameValueParams(Params):
    """
    The params of a FastCGI request: the stream of name-value pairs, whole (FastCGI 1.0, section
    3.4).
    """

    __slots__ = ("_block", "_limit")

    def __init__(self, block: bytes, limit: int = 1_000) -> None:
        """
        @param limit: How many pairs there may be. A pair takes two bytes at the least, so it
            needs no count in a block that is shorter than that.
        """
        self._looks = 0
        self._table = None
        self._block = block
        self._limit = limit
        self.checked = False

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        """
        Every pair as it was sent, in order, with duplicates.
        """
        if len(self._block) > 2 * self._limit:
            self.check()
        pairs = decodePairs(self._block)
        self.checked = True
        return pairs

    def find(self, name: bytes) -> bytes | None:
        """
        The value of the last param of this name, or L{None}.
        """
        if len(self._block) > 2 * self._limit:
            self.check()
        value = findValue(self._block, name)
        self.checked = True
        return value

    def mayHold(self, pair: bytes) -> bool:
        """
        Whether a look for a name could find a certain value.
        """
        # Searched from the end: letters that pairs begin with are rarer than those they end with.
        return self._block.rfind(pair) >= 0

    def decode(self) -> dict[str, str]:
        """
        All of them, as text.
        """
        if len(self._block) > 2 * self._limit:
            self.check()
        table = decodeTexts(self._block)
        self.checked = True
        return table

    def divide(self, names: ParamNames) -> tuple[list[tuple[bytes, bytes]], dict[str, str]]:
        """
        All of them in two: the HTTP headers, and the others.
        """
        if len(self._block) > 2 * self._limit:
            self.check()
        divided = dividePairs(self._block, names)
        self.checked = True
        return divided

    def check(self) -> None:
        """
        See that they can be read, by their lengths alone.
        """
        if not self.checked:
            count = countPairs(self._block)
            if count > self._limit:
                raise ParamsTooLarge(
                    f"{count} params, and at most {self._limit} are allowed", "paramsCount"
                )
            self.checked = True

    def __eq__(self, other: object) -> bool:
        if isinstance(other, NameValueParams) and self._block == other._block:
            return True  # also when nobody can read it
        return super().__eq__(other)

    __hash__ = None


class SCGIParams(Params):
    """
    The params of an SCGI request: its headers, names and values that each end with NUL (SCGI,
    section 3). All rules are checked at once.

    @ivar contentLength: CONTENT_LENGTH, in bytes; 0 for a request without a body.
    """

    __slots__ = ("_block", "_values", "contentLength")

    def __init__(self, block: bytes, limit: int = 1_000, lenient: bool = False) -> None:
        """
        @param limit: How many pairs there may be.
        @param lenient: Whether SCGI may be missing, and an HTTP header may be there several
            times.
        @raise MalformedParams: If the headers break a rule; each rule has a class of its own.
        @raise ParamsTooLarge: If there are too many.
        """
        self._looks = 0
        self._table = None
        self.checked = True  # or there would be none
        self._block = block
        strings = block.split(b"\0", 2 * limit + 2)
        if len(strings) > 2 * limit + 1:
            raise ParamsTooLarge(f"more than {limit} headers", "paramsCount")
        if strings.pop():
            raise UnterminatedString("the headers do not end with NUL (SCGI, section 3)")
        if len(strings) & 1:
            raise OddStrings(f"the header {strings[-1][:64]!r} has no value (SCGI, section 3)")
        string = iter(strings)
        values = dict(zip(string, string, strict=False))
        if not strings or strings[0] != b"CONTENT_LENGTH":
            raise ContentLengthNotFirst("CONTENT_LENGTH is not the first header (SCGI, section 3)")
        # Web servers send it empty or -1 for a request without a body.
        length = b"0" if strings[1] in (b"", b"-1") else strings[1]
        if not length.isdigit() or len(length) > 19:
            raise MalformedContentLength(
                f"CONTENT_LENGTH is not a number: {length[:64]!r} (SCGI, section 3)"
            )
        if b"" in values:
            raise EmptyName("a header has no name (SCGI, section 3)")
        if 2 * len(values) != len(strings):
            _checkDuplicates(strings[::2], lenient)
        version = values.get(b"SCGI")
        if version != b"1" and (version is not None or not lenient):
            raise MissingVersion(
                "the header SCGI is missing: does the web server's configuration include its "
                "scgi_params? (SCGI, section 3)"
                if version is None
                else f"the header SCGI is {version[:64]!r}, and only '1' is known (SCGI, section 3)"
            )
        self._values = values
        self.contentLength = int(length)

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        """
        Every pair as it was sent, in order, with duplicates.
        """
        strings = self._block.split(b"\0")
        return list(zip(strings[:-1:2], strings[1::2], strict=True))

    def find(self, name: bytes) -> bytes | None:
        """
        The value of the last param of this name, or L{None}.
        """
        return self._values.get(name)

    def mayHold(self, pair: bytes) -> bool:
        """
        Whether a look for a name could find a certain value: to look costs as little.
        """
        return True

    def check(self) -> None:
        """
        They were read when they came.
        """

    def decode(self) -> dict[str, str]:
        """
        All of them, as text.
        """
        strings = self._block.decode("utf-8", "surrogateescape").split("\0")
        return dict(zip(strings[:-1:2], strings[1::2], strict=True))

    def divide(self, names: ParamNames) -> tuple[list[tuple[bytes, bytes]], dict[str, str]]:
        """
        All of them in two: the HTTP headers, and the others.
        """
        headers: list[tuple[bytes, bytes]] = []
        others: dict[str, str] = {}
        known = names.known
        strings = iter(self._block.split(b"\0"))
        for name, value in zip(strings, strings, strict=False):
            try:
                header, other = known[name]
            except KeyError:
                header, other = names.learn(name)
            if header is None:
                others[other] = value.decode("utf-8", "surrogateescape")
            else:
                headers.append((header, value))
        return headers, others


def _checkDuplicates(names: list[bytes], lenient: bool) -> None:
    """
    Refuse names that are there twice. nginx before 1.23 passes on each of several HTTP headers of
    one name; no other name can come twice by a browser's doing.
    """
    seen = set()
    for name in names:
        if name in seen and not (lenient and name.startswith(b"HTTP_")):
            raise DuplicateName(f"the header {name[:64]!r} is there twice (SCGI, section 3)")
        seen.add(name)
