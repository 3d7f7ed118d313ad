"""
Records that are told as they pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.client.backends import GET, POST, Backend, client, outcome
from txfcgi import Response
from txfcgi.client.bare import FastCGIClientFactory
from txfcgi.client.options import ClientOptions
from txfcgi.server.fastcgi import FastCGIServerFactory
from txfcgi.testing import MemoryBackEnd, MemoryFrontEnd
from txfcgi.transport.tracing import TracedRecord

PARAMS = {"REQUEST_METHOD": "GET", "REQUEST_URI": "/?token=abc", "HTTP_COOKIE": "secret"}
REQUEST = [("BEGIN_REQUEST", 1), ("PARAMS", 1), ("PARAMS", 1), ("STDIN", 1)]
ANSWER = [("STDOUT", 1), ("STDOUT", 1), ("END_REQUEST", 1)]


def names(records: list[TracedRecord], sent: bool) -> list[tuple[str, int]]:
    """
    The types and ids of those that went one way.
    """
    return [(record.name, record.requestID) for record in records if record.sent is sent]


class TestClient:
    """
    Records of a client.
    """

    def test_request(self) -> None:
        """
        All that is sent and received, with sizes and contents; secrets are not shown.
        """
        records: list[TracedRecord] = []
        backend = Backend()
        calling = client(backend, onRecord=records.append)
        result = outcome(calling.request(PARAMS))
        backend.last.answer(b"hello")
        assert result[0].code == 200
        assert names(records, True) == REQUEST
        assert names(records, False) == ANSWER
        params, stdout = records[1], records[4]
        assert params.size == len(params.content) > 60
        assert "REQUEST_METHOD='GET'" in params.shown()
        assert "HTTP_COOKIE='***'" in params.shown()
        assert "token=***" in params.shown()
        assert "secret" not in params.shown() + str(params) + repr(params)
        assert stdout.content.endswith(b"hello")
        assert stdout.shown() == ""
        assert str(stdout).endswith(f": STDOUT id=1 {stdout.size} bytes")
        assert str(stdout).startswith("from ")
        assert str(params).startswith("to ")

    def test_body(self) -> None:
        """
        Each record once, whichever way the body goes out.
        """
        for size in (10, 100_000):
            records: list[TracedRecord] = []
            backend = Backend()
            outcome(client(backend, onRecord=records.append).request(POST, b"x" * size))
            backend.last.read()
            stdin = [record for record in records if record.name == "STDIN"]
            assert sum(record.size for record in stdin) == size
            assert stdin[-1].size == 0

    def test_ownConnection(self) -> None:
        """
        A connection of one's own tells them, too.
        """
        records: list[TracedRecord] = []
        backend = Backend()
        options = ClientOptions(onRecord=records.append)
        (protocol,) = outcome(backend.connect(FastCGIClientFactory(Clock(), options)))
        outcome(protocol.request(GET, requestID=9))
        assert {record.requestID for record in records} == {9}

    def test_pieces(self) -> None:
        """
        A record is told when all of it is here; what is none ends that, and the connection says
        what is wrong with it.
        """
        records: list[TracedRecord] = []
        backend = Backend()
        result = outcome(client(backend, onRecord=records.append).request(GET))
        del records[:]
        for byte in b"\1\6\0\1\0\3\1\0X: ":
            backend.last.send(bytes((byte,)))
        assert records == []
        backend.last.send(b"\0")
        assert names(records, False) == [("STDOUT", 1)]
        backend.last.send(b"HTTP/1.1 200 OK\r\n\r\n")
        assert len(records) == 1
        assert len(result) == 1

    def test_fails(self, flushLoggedErrors: Callable[..., list[Any]]) -> None:
        """
        A function that fails is logged, and does no harm.
        """
        backend = Backend()
        result = outcome(client(backend, onRecord=lambda record: 1 / 0).request(GET))
        backend.last.answer()
        assert result[0].code == 200
        assert flushLoggedErrors(ZeroDivisionError)

    def test_scgi(self) -> None:
        """
        SCGI has no records.
        """
        records: list[TracedRecord] = []
        backEnd = MemoryBackEnd(Response(200, {}, b"x"), "scgi")
        calling = backEnd.client(ClientOptions(onRecord=records.append))
        result = outcome(calling.request(GET))
        assert outcome(result[0].content()) == [b"x"]
        assert records == []
        calling.close()
        backEnd.close()


@pytest.mark.parametrize("keep", [True, False], ids=["kept", "closed"])
def test_server(keep: bool) -> None:
    """
    A server tells what it receives and what it sends, and each record once.
    """
    records: list[TracedRecord] = []
    factory = FastCGIServerFactory(
        lambda request: Response(200, {}, b"x"), clock=Clock(), onRecord=records.append
    )
    frontEnd = MemoryFrontEnd(factory, keep=keep)
    answer = outcome(frontEnd.get("/page"))
    assert answer[0].body == b"x"
    assert names(records, False) == REQUEST
    assert names(records, True) == ANSWER
    assert "SCRIPT_NAME" in records[1].shown()
    frontEnd.close()
