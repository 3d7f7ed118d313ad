"""
Authorizers and Filters.
"""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError

from tests.producers import pieces
from txfcgi.errors import (
    InvalidRequest,
    RequestRefused,
    ResponseCutOff,
)
from txfcgi.wire.events import StreamEnded
from txfcgi.wire.records import Role, Stream

from .backends import GET, POST, Backend, client, outcome


class TestRoles:
    """
    Authorizers and Filters.
    """

    def test_authorizer(self) -> None:
        """
        An Authorizer gets no body, nor the params that it must not have.
        """
        backend = Backend()
        params = {**GET, "PATH_INFO": "/x", "CONTENT_LENGTH": "5", "REMOTE_USER": "me"}
        result = outcome(client(backend).authorize(params))
        request = backend.last.request()
        assert request.role == Role.AUTHORIZER
        assert dict(request.params) == {"REQUEST_METHOD": "GET", "REMOTE_USER": "me"}
        backend.last.answer(head=b"Status: 200\r\nVariable-A: 1\r\nX-B: 2\r\nvariable-C: 3\r\n\r\n")
        (authorization,) = result
        assert authorization.allowed
        assert authorization.variables == {"A": "1", "C": "3"}

    def test_denied(self) -> None:
        """
        Any other status is the browser's answer, and its variables count for nothing.
        """
        backend = Backend()
        result = outcome(client(backend).authorize(GET))
        backend.last.answer(b"no", head=b"Status: 403\r\nVariable-A: 1\r\n\r\n")
        (authorization,) = result
        assert not authorization.allowed
        assert authorization.variables == {}
        assert outcome(authorization.response.content()) == [b"no"]

    @pytest.mark.parametrize("status", [201, 401, 500])
    def test_variablesOfARefusal(self, status: int) -> None:
        """
        The variables of an answer count for nothing unless its status is 200, whoever asks for
        them.
        """
        backend = Backend()
        result = outcome(client(backend).request(GET, role=Role.AUTHORIZER))
        backend.last.answer(head=b"Status: %d\r\nVariable-A: 1\r\n\r\n" % status)
        assert result[0].variables == {}

    def test_authorizerEnds(self) -> None:
        """
        A yes counts when the request has ended well: not while it runs, and not if it fails. What
        else there is of the answer means nothing.
        """
        backend = Backend()
        calling = client(backend)
        yes = b"Status: 200\r\nVariable-A: 1\r\n\r\nwelcome"
        refused = outcome(calling.authorize(GET))
        backend.last.read()
        backend.last.stdout(yes)
        assert refused == []
        backend.last.end(protocolStatus=2)
        assert isinstance(refused[0], RequestRefused)
        cut = outcome(calling.authorize(GET))
        backend.last.stdout(yes)
        backend.last.close()
        assert isinstance(cut[0], ResponseCutOff)
        allowed = outcome(calling.authorize(GET))
        backend.last.read()
        backend.last.stdout(yes)
        backend.last.stdout(b" and more")
        backend.last.end()
        assert allowed[0].allowed
        assert allowed[0].variables == {"A": "1"}

    def test_halfAYes(self) -> None:
        """
        Nothing is allowed before the Authorizer is done, nor if its answer is cut off.
        """
        for streamed in (b"", bytes(100)):
            backend = Backend()
            result = outcome(client(backend, streamBytes=10).authorize(GET))
            backend.last.read()
            backend.last.stdout(b"Status: 200\r\nVariable-A: 1\r\n\r\n" + streamed)
            assert result == []
            assert backend.last.transport.producerState == "producing"
            backend.last.close()
            assert isinstance(result[0], ResponseCutOff)
        backend = Backend()
        asked = client(backend).authorize(GET)
        result = outcome(asked)
        backend.last.read()
        backend.last.stdout(b"Status: 200\r\n\r\n")
        asked.cancel()
        assert isinstance(result[0], CancelledError)
        assert backend.last.transport.aborted

    def test_filter(self) -> None:
        """
        A Filter gets its data behind the body, and its length.
        """
        backend = Backend()
        result = outcome(
            client(backend).request(
                POST, b"body", role=Role.FILTER, data=pieces(b"da", b"ta"), dataLastModified=77
            )
        )
        request = backend.last.request()
        assert request.params["FCGI_DATA_LENGTH"] == "4"
        assert request.params["FCGI_DATA_LAST_MOD"] == "77"
        assert request.params["CONTENT_LENGTH"] == "4"
        streams = [getattr(event, "stream", None) for event in backend.last.events]
        assert streams[-4:] == [Stream.STDIN, Stream.STDIN, Stream.DATA, Stream.DATA]
        backend.last.answer()
        assert result[0].code == 200

    def test_filterWithout(self) -> None:
        """
        A Filter without body and data.
        """
        backend = Backend()
        outcome(client(backend).request(GET, role=Role.FILTER))
        request = backend.last.request()
        assert request.params["FCGI_DATA_LENGTH"] == "0"
        assert "CONTENT_LENGTH" not in request.params
        assert backend.last.events[-1] == StreamEnded(1, Stream.DATA)

    def test_wrong(self) -> None:
        """
        What does not go together.
        """
        calling = client(Backend())
        for asked in (
            calling.request(GET, data=b"x"),
            calling.request(GET, dataLastModified=1),
            calling.request(POST, b"x", dataLastModified=1),
            calling.request(GET, b"x", role=Role.AUTHORIZER),
        ):
            (error,) = outcome(asked)
            assert isinstance(error, InvalidRequest)
