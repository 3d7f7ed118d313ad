"""
Arguments that a request, an app or a back end has no place for are errors; none is dropped.
"""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from txfcgi import FastCGIServerFactory, Limits, Request, Response, Role, SCGIServerFactory
from txfcgi.errors import InvalidPath, InvalidResponse
from txfcgi.testing import Answer, MemoryBackEnd, MemoryFrontEnd, answers
from txfcgi.testing.sockets import Served

from .apps import echo


def app(request: Request) -> Response:
    """
    An app that does not matter.
    """
    return Response(200, {}, b"")


REQUESTS: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "dataOfAResponder": ({"data": b"abc"}, TypeError, "for a Filter"),
    "dataOfAnAuthorizer": ({"data": b"", "role": Role.AUTHORIZER}, TypeError, "for a Filter"),
    "timeOfAResponder": ({"dataLastModified": 0}, TypeError, "for a Filter"),
    "roleOfApache": ({"apacheRole": "AUTHENTICATOR"}, TypeError, "for Apache's Authorizer"),
    "readsOfNothing": ({"fragment": 0}, ValueError, "1 byte or more"),
    "readsOfLess": ({"fragment": -1}, ValueError, "1 byte or more"),
    "headersAsText": ({"headers": "X-A: 1"}, TypeError, "pairs of name and value"),
}


@pytest.mark.parametrize(("options", "error", "message"), REQUESTS.values(), ids=REQUESTS)
def test_ofARequest(options: dict[str, Any], error: type[Exception], message: str) -> None:
    """
    C{post("/x", data=b"abc")} sent nothing and said nothing.
    """
    with MemoryFrontEnd(app) as frontEnd, pytest.raises(error, match=message):
        frontEnd.post("/x", **options)
    assert frontEnd.links == []


def test_chunkedNothing() -> None:
    """
    Only a body comes in chunks.
    """
    with MemoryFrontEnd(app) as frontEnd:
        with pytest.raises(TypeError, match="with a body"):
            frontEnd.get(chunked=True)
        response = frontEnd.browser().post("/", json=1, chunked=True, mayLeaveBody=True)
    assert response.code == 200


CLOCK = Clock()
FACTORIES: dict[str, tuple[Any, dict[str, Any], type[Exception], str]] = {
    "limitsOfAFactory": (
        FastCGIServerFactory(app, clock=CLOCK),
        {"limits": Limits()},
        TypeError,
        "limits of its own",
    ),
    "scgiOverFastCGI": (SCGIServerFactory(app, clock=CLOCK), {}, ValueError, "speaks scgi"),
    "fastcgiOverSCGI": (
        FastCGIServerFactory(app, clock=CLOCK),
        {"protocol": "scgi"},
        ValueError,
        "speaks fastcgi",
    ),
    "unknownProtocol": (app, {"protocol": "http"}, ValueError, "'http'"),
}


@pytest.mark.parametrize("kind", [MemoryFrontEnd, Served])
@pytest.mark.parametrize(
    ("server", "options", "error", "message"), FACTORIES.values(), ids=FACTORIES
)
def test_ofAServer(
    kind: Any, server: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """
    What a factory has by itself is not given again, and its protocol is its own.
    """
    with pytest.raises(error, match=message):
        kind(server, **options)


def test_clockOfAFactory() -> None:
    """
    A factory has its own clock.
    """
    with pytest.raises(TypeError, match="clock of its own"):
        MemoryFrontEnd(FastCGIServerFactory(app, clock=CLOCK), clock=Clock())


def test_readOfAFastReader() -> None:
    """
    Only what was asked to take its answer slowly is told how much to take.
    """
    with MemoryFrontEnd(echo) as frontEnd:
        exchange = frontEnd.start(length=5)
        with pytest.raises(ValueError, match="readRate=0"):
            exchange.read(10)
        exchange.send(b"12345")
        exchange.close()
        with pytest.raises(ValueError, match="readRate=0"):
            exchange.read(10)


OVER_SCGI: dict[str, Any] = {
    "stderr": Answer(stderr=b"oops"),
    "appStatus": Answer(appStatus=1),
    "protocolStatus": answers.overloaded(),
    "idShift": answers.wrongID(),
    "twice": answers.endedTwice(),
}


@pytest.mark.parametrize("answer", OVER_SCGI.values(), ids=OVER_SCGI)
@pytest.mark.parametrize("by", ["answer", "path"])
def test_ofAnAnswer(answer: Answer, by: str) -> None:
    """
    What SCGI can't say is no answer over it.
    """
    with pytest.raises(InvalidResponse, match="SCGI can't say"):
        MemoryBackEnd(answer if by == "answer" else {"/": answer}, "scgi")


def test_piecesOfNothing() -> None:
    """
    An answer in pieces of no bytes would never come.
    """
    with pytest.raises(InvalidResponse, match="1 byte or more"):
        MemoryBackEnd(answers.slow(by=0))


def test_ofABackEnd() -> None:
    """
    Over SCGI no connection is shared, and nobody speaks HTTP.
    """
    with pytest.raises(TypeError, match="multiplex is for FastCGI"):
        MemoryBackEnd("hello", "scgi", multiplex=False)
    with pytest.raises(ValueError, match="'http' is not a protocol"):
        MemoryBackEnd("hello", "http")


def test_realTime() -> None:
    """
    A factory that measures real time would leave its timers in the reactor.
    """
    with pytest.raises(TypeError, match=r"FastCGIServerFactory\(app, clock=Clock\(\), ...\)"):
        MemoryFrontEnd(FastCGIServerFactory(echo))


def test_messages() -> None:
    """
    What a test is likely to have meant is said.
    """
    server: Any = "nginx"
    with pytest.raises(ValueError, match='Did you mean server="nginx"'):
        MemoryFrontEnd(echo, server)
    body: Any
    with MemoryFrontEnd(echo) as frontEnd:
        for body in ({"a": 1}, ["a"]):
            with pytest.raises(TypeError, match="give json= for JSON, or form= for the fields"):
                frontEnd.post("/", body)
        with pytest.raises(InvalidPath, match="for another host, give a header"):
            frontEnd.get("x")
