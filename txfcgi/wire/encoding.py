"""
The params of a caller, as text or bytes, to encoded name-value pairs (FastCGI 1.0, section 3.4).
"""

from __future__ import annotations

from collections.abc import Container, ItemsView, Iterable, Mapping
from typing import Any, Final

from ..errors import InvalidParam
from .pairs import SHORT, encodeLength
from .remembered import Remembered

Text = str | bytes
AnyParams = Mapping[str, str] | Mapping[bytes, bytes] | Iterable[tuple[Text, Text]]

_TEXT: Final = (str, bytes)


class EncodedPairs(Remembered[tuple[Text, Text], bytes]):
    """
    Params as they go into a stream, by name and value as a caller gives them: most of a caller's
    are the same with each request. Whoever makes requests has one of these.
    """

    __slots__ = ("_named",)

    def __init__(self, names: Container[bytes] = frozenset(), limit: int = 262_144) -> None:
        """
        @param limit: Most bytes that the entries take; a quarter of it is for the names alone,
            which all are kept.
        """
        super().__init__(names, limit - limit // 4)
        # Of each name: it as bytes, the length that goes before it, and whether its values are
        # kept.
        self._named: Remembered[Text, tuple[bytes, bytes, bool]] = Remembered(limit=limit // 4)

    def encode(self, params: Iterable[Any]) -> list[bytes]:
        """
        Each pair as it goes into a stream, in the order given.

        @param params: Pairs; whatever else is among them is an error.
        """
        found, named = self.get, self._named.get
        encoded: list[bytes] = []
        for pair in params:
            known = found(pair)
            if known is None:
                try:
                    name, value = pair
                except ValueError:
                    raise InvalidParam(f"a param is a name and a value, not {pair!r:.80}") from None
                nameBytes, nameLength, kept = named(name) or self._checkedName(name)
                try:
                    valueBytes = value.encode() if type(value) is str else asBytes(value, name)
                except UnicodeEncodeError:
                    valueBytes = asBytes(value, name)
                size = len(valueBytes)
                valueLength = SHORT[size] if size < 128 else encodeLength(size)
                known = nameLength + valueLength + nameBytes + valueBytes
                if (kept or not size) and type(value) in _TEXT and type(name) in _TEXT:
                    # An empty value can hold no secret.
                    self.keep(pair, known, 2 * len(known))
            encoded.append(known)
        return encoded

    def _checkedName(self, name: Text) -> tuple[bytes, bytes, bool]:
        nameBytes = asBytes(name)
        if b"=" in nameBytes or b"\0" in nameBytes:
            raise InvalidParam(f"{nameBytes!r:.80} is no name of a variable")
        checked = nameBytes, encodeLength(len(nameBytes)), nameBytes in self.names
        if type(name) in _TEXT:
            self._named.keep(name, checked, 2 * len(nameBytes))
        return checked


def asBytes(text: object, of: object = None) -> bytes:
    """
    A name or a value as bytes, encoded as C{os.environ} is.

    @param of: The name of the param whose value it is; without it, it is a name.
    @raise InvalidParam: If it is neither text nor bytes, or text that no bytes stand for. A value
        is not shown, for it may be a secret.
    """
    try:
        if isinstance(text, str):
            return text.encode("utf-8", "surrogateescape")
        if isinstance(text, bytes):
            return text
        wrong = f"is str or bytes, not {type(text).__name__}"
    except UnicodeEncodeError as error:
        wrong = f"has a character that no bytes stand for, at {error.start}"
    what = f"the name of the param {text!r:.80}" if of is None else f"the param {of!r:.80}"
    raise InvalidParam(f"{what} {wrong}")


def encodeParams(params: AnyParams, pairs: EncodedPairs | None = None) -> list[bytes]:
    """
    Each pair as it goes into a stream (section 3.4), in the order given.

    @param params: A mapping, or pairs; text is encoded as C{os.environ} is.
    @param pairs: What the caller remembers of the params that it has sent.
    @raise InvalidParam: If a name or a value is neither text nor bytes, or a name has NUL or C{=}
        in it, which no environment could hold.
    @raise ParamTooLarge: If a name or a value is longer than a length can say.
    """
    if pairs is None:
        pairs = EncodedPairs()
    if isinstance(params, (dict, Mapping)):
        params = params.items()
    try:
        return pairs.encode(params)
    except TypeError:
        if isinstance(params, (ItemsView, list)):  # one of them can't be looked up
            for pair in params:
                if isinstance(pair, tuple) and len(pair) == 2:
                    asBytes(pair[0])
                    asBytes(pair[1], pair[0])
        raise InvalidParam("params are a mapping, or pairs, of str or bytes") from None
