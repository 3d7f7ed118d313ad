"""
The params of a caller, as text or bytes, to encoded name-value pairs (FastCGI 1.0, section 3.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ..errors import InvalidParam
from .pairs import encodeLength, encodePair
from .remembered import Remembered

Text = str | bytes
AnyParams = Mapping[str, str] | Mapping[bytes, bytes] | Iterable[tuple[Text, Text]]

# Lengths as text of as many characters as they have bytes: nearly all that occur.
_LENGTHS: Final = tuple(encodeLength(size).decode("latin-1") for size in range(1024))

# The bytes of a name in a shape, beside its characters: the parts around its value.
_NAME: Final = 120


class Shapes(Remembered[tuple[str, ...], list[str]]):
    """
    What is the same in the params of all requests that have the same names: the names, checked and
    encoded, with gaps for the values and their lengths. Nothing of a value is kept. Whoever makes
    requests has one of these.
    """

    __slots__ = ()

    def block(self, params: AnyParams) -> bytes | None:
        """
        All pairs one behind the other, in the order given: at once, not one by one.

        @return: L{None} if that can't be, for a name or a value is not text, or not ASCII; see
            L{encodeParams}.
        """
        # In four steps, each a loop in C: this is most of what a request costs a client.
        try:
            if type(params) is dict:
                names = tuple(params)
                values = list(params.values())
            elif type(params) is list and set(map(type, params)) == {tuple}:
                names, found = zip(*params, strict=True)
                values = list(found)
            else:
                return None
            shape = self.get(names)
            if shape is None:
                shape = self._learn(names)
            if shape is None:
                return None
            parts = shape.copy()
            try:
                parts[1::4] = [_LENGTHS[len(value)] for value in values]
            except IndexError:
                parts[1::4] = [encodeLength(len(value)).decode("latin-1") for value in values]
            parts[3::4] = values
            block = "".join(parts)
            # Long lengths are not ASCII, and values may not be.
            if not block.isascii() and not "".join(values).isascii():
                return None
        except (TypeError, ValueError):
            return None
        return block.encode("latin-1")

    def _learn(self, names: tuple[str, ...]) -> list[str] | None:
        """
        The shape of params with these names, if it is text in ASCII that they may have.
        """
        joined = "".join(names)
        if not joined.isascii() or "=" in joined or "\0" in joined:
            return None
        shape: list[str] = []
        for name in names:
            shape += (encodeLength(len(name)).decode("latin-1"), "", name, "")
        if set(map(type, names)) == {str}:
            self.keep(names, shape, 2 * len(joined) + _NAME * len(names))
        return shape


def asBytes(text: object, of: object = None) -> bytes:
    """
    A name or a value as bytes, encoded as C{os.environ} is.

    @param of: The name of the param whose value it is; without it, it is a name.
    @raise InvalidParam: If it is neither text nor bytes, or text that can't be encoded. The message
        does not show a value, as that may be a secret.
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


def encodeParams(params: AnyParams) -> list[bytes]:
    """
    Each pair as it goes into a stream (section 3.4), in the order given.

    @param params: A mapping, or pairs; text is encoded as C{os.environ} is.
    @raise InvalidParam: If a name or a value is neither text nor bytes, or a name has NUL or C{=}
        in it, as no environment variable has.
    @raise ParamTooLarge: If a name or a value is too long for its length to be encoded.
    """
    pairs: object = params.items() if isinstance(params, Mapping) else params
    if not isinstance(pairs, Iterable):
        raise InvalidParam("params are a mapping, or pairs, of str or bytes")
    encoded: list[bytes] = []
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise InvalidParam(f"a param is a name and a value, not {pair!r:.80}")
        name, value = pair
        nameBytes = asBytes(name)
        if b"=" in nameBytes or b"\0" in nameBytes:
            raise InvalidParam(
                f"{nameBytes!r:.80} can't be the name of a variable: it has = or NUL in it"
            )
        encoded.append(encodePair(nameBytes, asBytes(value, name)))
    return encoded
