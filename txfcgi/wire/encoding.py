"""
The params of a caller, as text or bytes, to encoded name-value pairs (FastCGI 1.0, section 3.4).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from ..errors import InvalidParam, ParamTooLarge
from .pairs import MAX_CONTENT

Text = str | bytes
Params = Mapping[str, str] | Mapping[bytes, bytes] | Iterable[tuple[Text, Text]]

_SHORT: Final = tuple(bytes((size,)) for size in range(128))
_SLASH: Final = b"/"[0]

# Pairs that were encoded already, by name and value as the caller gave them: most params of a
# caller are the same with each request. What may be a secret is not kept, nor what is different
# each time.
_KNOWN: Final = 1024
_KNOWN_LENGTH: Final = 256
_secret: Final = re.compile(rb"COOKIE|AUTH|PASS|TOKEN|SECRET|KEY|REMOTE_PORT").search
_location: Final = re.compile(rb"URI|QUERY").search
_NEVER: Final = 0
_ALWAYS: Final = 1
_WITHOUT_QUERY: Final = 2

# Of each name: it as bytes, the length that goes before it, and when its pairs are kept.
_names: Final[dict[Text, tuple[bytes, bytes, int]]] = {}


class _KnownPairs(dict[tuple[Text, Text], bytes]):
    """
    Encoded pairs; what is not there is encoded when it is asked for.
    """

    __slots__ = ()

    def __missing__(self, pair: tuple[Text, Text]) -> bytes:
        try:
            name, value = pair
        except ValueError:
            raise InvalidParam(f"a param is a name and a value, not {pair!r:.80}") from None
        nameBytes, nameLength, kept = _names.get(name) or _checkedName(name)
        if type(value) is str:
            valueBytes = value.encode("utf-8", "surrogateescape")
        else:
            valueBytes = asBytes(value, "value")
        size = len(valueBytes)
        valueLength = _SHORT[size] if size < 128 else _length(size)
        encoded = nameLength + valueLength + nameBytes + valueBytes
        if len(encoded) > MAX_CONTENT:
            raise ParamTooLarge(
                f"the param {nameBytes!r:.80} takes {len(encoded)} bytes, and a record holds "
                f"{MAX_CONTENT}"
            )
        if kept == _WITHOUT_QUERY:
            # The value is a path, or the query is empty.
            kept = not valueBytes or (valueBytes[0] == _SLASH and b"?" not in valueBytes)
        if kept and len(encoded) <= _KNOWN_LENGTH:
            if len(self) >= _KNOWN:
                self.clear()
            self[pair] = encoded
        return encoded


def _length(size: int) -> bytes:
    return _SHORT[size] if size < 128 else (size | 0x80000000).to_bytes(4, "big")


def _checkedName(name: Text) -> tuple[bytes, bytes, int]:
    """
    What L{_names} has of a name, if it is one.
    """
    nameBytes = asBytes(name, "name")
    if b"=" in nameBytes or b"\0" in nameBytes:
        raise InvalidParam(f"{nameBytes!r:.80} is no name of a variable")
    kept = _ALWAYS
    if _secret(nameBytes):
        kept = _NEVER
    elif _location(nameBytes):
        kept = _WITHOUT_QUERY
    checked = nameBytes, _length(len(nameBytes)), kept
    if len(nameBytes) <= _KNOWN_LENGTH:
        if len(_names) >= _KNOWN:
            _names.clear()
        _names[name] = checked
    return checked


_known: Final = _KnownPairs()


def asBytes(text: object, what: str) -> bytes:
    """
    A name or a value as bytes, encoded as C{os.environ} is.

    @param what: Which of them it is.
    @raise InvalidParam: If it is neither text nor bytes.
    """
    if isinstance(text, str):
        return text.encode() if text.isascii() else text.encode("utf-8", "surrogateescape")
    if isinstance(text, bytes):
        return text
    raise InvalidParam(f"a param's {what} is str or bytes, not {type(text).__name__}: {text!r:.80}")


def encodeParams(params: Params) -> list[bytes]:
    """
    Each pair as it goes into a stream (section 3.4), in the order given.

    @param params: A mapping, or pairs; text is encoded as C{os.environ} is.
    @raise InvalidParam: If a name or a value is neither text nor bytes, or a name has NUL or C{=}
        in it, which no environment could hold.
    @raise ParamTooLarge: If a pair does not fit into one record.
    """
    known = _known
    if isinstance(params, (dict, Mapping)):
        params = params.items()
    try:
        return list(map(known.__getitem__, params))
    except TypeError:
        raise InvalidParam("params are a mapping, or pairs, of str or bytes") from None
