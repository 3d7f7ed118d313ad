"""
What a request is, ready to be sent: params that fit the body and the role, and bodies whose length
is known or need not be.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from ..errors import (
    InvalidParam,
    InvalidRequest,
    InvalidResponse,
    LengthRequired,
    RequestBodyMismatch,
)
from ..streams.bodies import Body, knownLength
from ..streams.spool import SpooledBody
from ..wire.encoding import AnyParams, Text
from ..wire.records import Role
from ..wire.variables import readContentLength
from .options import UnknownLength

Spool = Callable[[Body], Awaitable[bytes | SpooledBody]]

_LENGTH: Final = ("CONTENT_LENGTH", b"CONTENT_LENGTH")
_METHOD: Final = ("REQUEST_METHOD", b"REQUEST_METHOD")
_HEAD: Final = ("HEAD", b"HEAD")

# RFC 9110, section 9.2.2: methods that have the same effect when they are carried out twice.
_IDEMPOTENT: Final = frozenset(
    method
    for name in ("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE")
    for method in (name, name.encode("ascii"))
)

# What a request without a body may have as its CONTENT_LENGTH.
_NONE: Final = frozenset((None, "", "0", b"", b"0"))

# Section 6.3: an Authorizer gets none of these.
_NOT_FOR_AUTHORIZERS: Final = frozenset(
    ("CONTENT_LENGTH", "PATH_INFO", "PATH_TRANSLATED", "SCRIPT_NAME")
)


class Prepared:
    """
    A request that can be sent.

    @ivar body: STDIN, or L{None} if it is empty.
    @ivar data: DATA, of a Filter.
    @ivar length: How many bytes the body has, if that is known.
    @ivar replayable: Whether it can be sent more than once.
    """

    # Most requests have nothing else.
    body: Body | None = None
    data: Body | None = None
    length: int | None = None
    dataLength: int | None = None
    replayable = True

    def __init__(self, params: AnyParams, role: int) -> None:
        self.params = params
        self.role = role

    @property
    def method(self) -> Text | None:
        """
        The HTTP method, if there is one among the params.
        """
        return valueOf(self.params, _METHOD)

    @property
    def isHead(self) -> bool:
        """
        Whether it is a HEAD request, whose answer has no body.
        """
        return valueOf(self.params, _METHOD) in _HEAD

    @property
    def isIdempotent(self) -> bool:
        """
        Whether it may be carried out twice (RFC 9110, section 9.2.2). One without a method may
        not.
        """
        return self.method in _IDEMPOTENT


def isReplayable(body: Body | None) -> bool:
    """
    Whether a body can be sent more than once.
    """
    return body is None or isinstance(body, (bytes, SpooledBody))


def valueOf(params: AnyParams, names: tuple[str, bytes]) -> Text | None:
    """
    The value of a param, whichever way its name is written; of the last if there are several.
    """
    text, encoded = names
    if type(params) is dict or isinstance(params, Mapping):
        value = params.get(text)  # type: ignore[call-overload]
        return params.get(encoded) if value is None else value  # type: ignore[call-overload]
    found = None
    for name, value in params:
        if name in names:
            found = value
    return found


def asPairs(params: AnyParams) -> list[tuple[Text, Text]]:
    """
    Params as pairs, which can be gone through more than once.
    """
    if isinstance(params, Mapping):
        return list(params.items())
    if isinstance(params, (str, bytes)):
        raise InvalidParam(
            f"params are a mapping, or pairs, of names and values, not {params!r:.80}; "
            "cgiParams(method, uri) and PHPFPM(root).params(method, uri) make them"
        )
    pairs: list[tuple[Text, Text]] = []
    try:
        for pair in params:
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise InvalidParam(f"a param is a pair of a name and a value, not {pair!r:.80}")
            pairs.append((pair[0], pair[1]))
    except TypeError:
        raise InvalidParam(
            f"params are a mapping, or pairs, of names and values, not {params!r:.80}"
        ) from None
    return pairs


def withParams(
    params: AnyParams, values: Mapping[str, str], leaveOut: frozenset[str] = frozenset()
) -> list[tuple[Text, Text]]:
    """
    Params with some of them replaced, and some left out.
    """
    names = {*values, *leaveOut}
    gone = names | {name.encode("ascii") for name in names}
    return [*(pair for pair in asPairs(params) if pair[0] not in gone), *values.items()]


def declaredLength(params: AnyParams) -> int | None:
    """
    What CONTENT_LENGTH says.

    @raise MalformedValue: If it is not a number.
    """
    value = valueOf(params, _LENGTH)
    return readContentLength(value.encode("ascii", "replace") if isinstance(value, str) else value)


def prepareWithoutBody(params: AnyParams, role: int) -> Prepared:
    """
    The most common request: no body, and not for an Authorizer.
    """
    if type(params) is not dict and not isinstance(params, Mapping):
        params = asPairs(params)
    length = valueOf(params, _LENGTH)
    if length not in _NONE:
        raise RequestBodyMismatch(f"CONTENT_LENGTH is {length!r}, and the request has no body")
    return Prepared(params, role)


def _checkRole(role: object, data: object, lastModified: object) -> None:
    """
    Look whether what belongs to roles goes together.

    @raise InvalidRequest: If it does not.
    """
    if role != Role.FILTER:
        for name, value in (("data", data), ("dataLastModified", lastModified)):
            if value is not None:
                raise InvalidRequest(
                    f"only a Filter takes {name} (section 6.4): give role=Role.FILTER along"
                )
    if not isinstance(role, int) or not 0 <= role <= 65_535:
        raise InvalidRequest(f"a role is a Role, or a number up to 65535, not {role!r:.80}")
    if lastModified is not None and not (isinstance(lastModified, int) and lastModified >= 0):
        raise InvalidRequest(f"dataLastModified is seconds since 1970, not {lastModified!r:.80}")


async def prepare(
    params: AnyParams,
    role: int,
    body: Body | None,
    data: Body | None,
    dataLastModified: int | None,
    unknownLength: UnknownLength,
    spool: Spool,
) -> Prepared:
    """
    Any request.

    @param unknownLength: What becomes of a body of unknown length.
    @param spool: Collects what has to be.
    @raise InvalidRequest: If its parts don't go together.
    """
    _checkRole(role, data, dataLastModified)
    if not isinstance(params, Mapping):
        params = asPairs(params)
    if role == Role.AUTHORIZER:
        if body is not None:
            raise InvalidRequest("an Authorizer takes no body (section 6.3)")
        return Prepared(withParams(params, {}, _NOT_FOR_AUTHORIZERS), role)
    values: dict[str, str] = {}
    length = dataLength = None
    if role == Role.FILTER:
        data, dataLength = await _measured(b"" if data is None else data, None, "spool", spool)
        values["FCGI_DATA_LENGTH"] = str(dataLength)
        if dataLastModified is not None:
            values["FCGI_DATA_LAST_MOD"] = str(dataLastModified)
    if body is None:
        params = prepareWithoutBody(params, role).params
    else:
        body, length = await _measured(body, declaredLength(params), unknownLength, spool)
        if length is not None:
            values["CONTENT_LENGTH"] = str(length)
    if values:
        params = withParams(params, values)
    prepared = Prepared(params, role)
    prepared.body, prepared.length = body, length
    prepared.data, prepared.dataLength = data, dataLength
    prepared.replayable = isReplayable(body) and isReplayable(data)
    return prepared


@contextmanager
def badBody() -> Iterator[None]:
    """
    Whatever is wrong with a body that is sent is a mistake in a request here, not in the response
    of an app.

    @raise InvalidRequest: In place of an L{InvalidResponse}.
    """
    try:
        yield
    except InvalidResponse as error:
        raise InvalidRequest(str(error)) from error


async def _measured(
    body: Body,
    declared: int | None,
    unknownLength: UnknownLength,
    spool: Spool,
) -> tuple[Body, int | None]:
    """
    A body and its length; spooled if that is the only way to know it.
    """
    with badBody():
        length = knownLength(body)
    if length is None:
        length = declared
    elif declared is not None and declared != length:
        raise RequestBodyMismatch(f"CONTENT_LENGTH is {declared}, and the body has {length} bytes")
    if length is not None or unknownLength == "stream":
        return body, length
    if unknownLength == "refuse":
        raise LengthRequired("a request body of unknown length is refused")
    with badBody():
        spooled = await spool(body)
    return spooled, spooled.length if isinstance(spooled, SpooledBody) else len(spooled)
