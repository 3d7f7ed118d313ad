"""
What a connection speaks in place of what it should.
"""

from __future__ import annotations

import pytest

from txfcgi.wire.events import ConnectionFailed
from txfcgi.wire.fastcgiserver import ServerConnection as FastCGI
from txfcgi.wire.firstbytes import protocolOf
from txfcgi.wire.scgiserver import ServerConnection as SCGI

STARTS = {
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "SCGI": b"70:CONTENT_LENGTH\x0027\x00",
    "FastCGI": b"\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00",
    "HTTP": b"POST / HTTP/1.1\r\n",
    "the PROXY protocol": b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n",
}


@pytest.mark.parametrize("name", STARTS)
def test_protocolOf(name: str) -> None:
    """
    Each is known by eight bytes.
    """
    assert protocolOf(STARTS[name][:8]) == name


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\x15\x03\x01\x00\x02\x02\x0a", "TLS"),
        (b"\r\n\r\n\x00\r\nQUIT", "the PROXY protocol"),
        (b"HTTP/1.1 400 Bad Request", "HTTP"),
        (b"Status: 200 OK", "CGI output"),
        (b"Content-Type: text/html", "CGI output"),
        (b"9999999:", "SCGI"),
        (b"", None),
        (b"7", None),
        (b"\x01", None),
        (b"\x02\x01\x00\x01", None),
        (bytes(8), None),
    ],
)
def test_others(data: bytes, name: str | None) -> None:
    """
    What back ends answer, and what says nothing.
    """
    assert protocolOf(data) == name


@pytest.mark.parametrize("connection", [FastCGI, SCGI], ids=["FastCGI", "SCGI"])
@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("TLS", "turn TLS off in the web server, or listen on an ssl: endpoint"),
        ("SCGI", "serve it with 'twistd scgi'"),
        ("FastCGI", "serve it with 'twistd fcgi'"),
        ("HTTP", "does an HTTP client speak to this port?"),
        ("the PROXY protocol", "turn it off in the web server"),
    ],
)
def test_servers(connection: type[FastCGI | SCGI], name: str, advice: str) -> None:
    """
    A server's message names what came, and says what to do.
    """
    ours = "FastCGI" if connection is FastCGI else "SCGI"
    events = connection().receive(STARTS[name])
    if name == ours:
        assert events == []
        return
    [event] = events
    assert isinstance(event, ConnectionFailed)
    assert f"which is {name}, and this port speaks {ours}: {advice}" in str(event.error)


def test_laterBytes() -> None:
    """
    What follows a record is not the first thing that was said.
    """
    [event] = FastCGI().receive(STARTS["FastCGI"][:8] + b"\0\1" + bytes(6) + STARTS["HTTP"])
    assert isinstance(event, ConnectionFailed)
    assert "a record of version 80" in str(event.error)
