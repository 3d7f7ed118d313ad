"""
Tests of L{txfcgi.cli.failures}: what a failed request says on a command line.
"""

from __future__ import annotations

from errno import EACCES, ECONNREFUSED

import pytest
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost

from txfcgi.cli.failures import explained, unanswered
from txfcgi.errors import (
    BackendTimedOut,
    ClientClosed,
    NoResponse,
    RequestFailed,
    RequestNotSent,
    RequestSentInPart,
    ResponseCutOff,
)

TIMED_OUT = BackendTimedOut("total", 5)


@pytest.mark.parametrize("kind", [NoResponse, RequestNotSent, RequestSentInPart])
@pytest.mark.parametrize("reason", [ConnectionDone(), ConnectionLost()], ids=["clean", "unclean"])
def test_closed(kind: type[RequestFailed], reason: Exception) -> None:
    """
    A connection that is closed without an answer is often one that is not allowed.
    """
    error = kind(reason)
    assert unanswered(error)
    text = explained(error)
    assert text.startswith(f"{kind.__name__}: the back end closed the connection without an answer")
    assert "--allow-user, --allow-group or --allow-from" in text


def test_timedOut() -> None:
    """
    The option sets the time limit, and not an argument of a program.
    """
    error = NoResponse(TIMED_OUT.during("the back end is busy"))
    assert unanswered(error)
    assert explained(error) == (
        "NoResponse: the total timeout of 5 seconds is over; --timeout (-t) sets it: "
        "the back end is busy"
    )


def test_forbidden() -> None:
    """
    A socket that this user may not open.
    """
    error = RequestNotSent(ConnectError(EACCES, "Permission denied"))
    assert "13: Permission denied: this user may not open the socket. Run the" in explained(error)
    assert "sudo -u www-data txfcgi" in explained(error)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(RequestNotSent(ConnectError(ECONNREFUSED, "refused")), id="refused"),
        pytest.param(ResponseCutOff(ConnectionDone()), id="cut off"),
        pytest.param(ClientClosed("the client is closed"), id="closed client"),
    ],
)
def test_others(error: RequestFailed) -> None:
    """
    Any other error stands as it is.
    """
    assert not unanswered(error)
    assert explained(error) == f"{type(error).__name__}: {error}"


def test_connectTimedOut() -> None:
    """
    A back end that could not be reached can't be silent.
    """
    assert not unanswered(RequestNotSent(BackendTimedOut("connect", 5)))
