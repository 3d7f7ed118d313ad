"""
The four conversations of appendix B of the FastCGI specification, byte for byte.

Where the specification shows only the start of a string (C{" ... "}), that start is the string.
Records from the web server are padded here as nginx pads them, to a multiple of eight.
"""

from __future__ import annotations

from txfcgi.wire.events import DataReceived, RequestReceived, StreamEnded
from txfcgi.wire.fastcgiserver import ServerConnection
from txfcgi.wire.params import NameValueParams
from txfcgi.wire.records import Role, Stream

from .conversations import Deliver, everyWay

# {FCGI_PARAMS, 1, "\013\002SERVER_PORT80\013\016SERVER_ADDR199.170.183.42 ... "}: 15 and 27 bytes
PAIRS = b"\013\002SERVER_PORT80\013\016SERVER_ADDR199.170.183.42"
READ = [(b"SERVER_PORT", b"80"), (b"SERVER_ADDR", b"199.170.183.42")]
PARAMS = b"\x01\x04\x00\x01\x00\x2a\x06\x00" + PAIRS + bytes(6)
PARAMS_END = b"\x01\x04\x00\x01\x00\x00\x00\x00"
STDIN_END = b"\x01\x05\x00\x01\x00\x00\x00\x00"

# {FCGI_STDOUT, 1, "Content-type: text/html\r\n\r\n<html>\n<head> ... "}: 27 and 13 bytes
HEAD = b"Content-type: text/html\r\n\r\n"
PAGE = b"<html>\n<head>"
STDOUT = b"\x01\x06\x00\x01\x00\x28\x00\x00" + HEAD + PAGE
STDOUT_END = b"\x01\x06\x00\x01\x00\x00\x00\x00"
END = b"\x01\x03\x00\x01\x00\x08\x00\x00" + bytes(8)

SIMPLE = (
    b"\x01\x01\x00\x01\x00\x08\x00\x00" + b"\x00\x01\x00\x00\x00\x00\x00\x00"
    + PARAMS
    + PARAMS_END
    + STDIN_END
)  # fmt: skip


def begun(requestID: int, keepConnection: bool) -> RequestReceived:
    """
    A request with the params of the examples.
    """
    return RequestReceived(requestID, Role.RESPONDER, keepConnection, NameValueParams(PAIRS))


def test_params() -> None:
    """
    The params of the examples are what one reads there.
    """
    assert NameValueParams(PAIRS).raw == READ


@everyWay
class TestExamples:
    """
    What is received, and what is answered.
    """

    def test_1_simple(self, deliver: Deliver) -> None:
        """
        A simple request with no data on stdin, and a successful response.
        """
        connection = ServerConnection()
        assert deliver(connection, SIMPLE) == [begun(1, False), StreamEnded(1, Stream.STDIN)]
        assert connection.respond(1, HEAD, PAGE) == STDOUT + STDOUT_END + END
        assert connection.closing

    def test_2_dataOnStdin(self, deliver: Deliver) -> None:
        """
        Data on stdin, and a pair that is split over two PARAMS records.
        """
        connection = ServerConnection()
        data = (
            b"\x01\x01\x00\x01\x00\x08\x00\x00" + b"\x00\x01\x00\x00\x00\x00\x00\x00"
            + b"\x01\x04\x00\x01\x00\x14\x04\x00" + b"\013\002SERVER_PORT80\013\016SER" + bytes(4)
            + b"\x01\x04\x00\x01\x00\x16\x02\x00" + b"VER_ADDR199.170.183.42" + bytes(2)
            + PARAMS_END
            + b"\x01\x05\x00\x01\x00\x19\x07\x00" + b"quantity=100&item=3047936" + bytes(7)
            + STDIN_END
        )  # fmt: skip
        assert deliver(connection, data) == [
            begun(1, False),
            DataReceived(1, Stream.STDIN, b"quantity=100&item=3047936"),
            StreamEnded(1, Stream.STDIN),
        ]
        answer = b"".join(connection.send(1, Stream.STDOUT, HEAD + PAGE)) + connection.end(1)
        assert answer == STDOUT + STDOUT_END + END

    def test_3_error(self, deliver: Deliver) -> None:
        """
        A message on stderr between two pieces of stdout, and an exit status.
        """
        connection = ServerConnection()
        assert deliver(connection, SIMPLE) == [begun(1, False), StreamEnded(1, Stream.STDIN)]
        answer = [
            *connection.send(1, Stream.STDOUT, HEAD + b"<ht"),
            *connection.send(1, Stream.STDERR, b"config error: missing SI_UID\n"),
            *connection.send(1, Stream.STDOUT, b"ml>\n<head>"),
            connection.end(1, 938),
        ]
        assert b"".join(answer) == (
            b"\x01\x06\x00\x01\x00\x1e\x02\x00" + HEAD + b"<ht" + bytes(2)
            + b"\x01\x07\x00\x01\x00\x1d\x03\x00" + b"config error: missing SI_UID\n" + bytes(3)
            + b"\x01\x06\x00\x01\x00\x0a\x06\x00" + b"ml>\n<head>" + bytes(6)
            + b"\x01\x06\x00\x01\x00\x00\x00\x00"
            + b"\x01\x07\x00\x01\x00\x00\x00\x00"
            + b"\x01\x03\x00\x01\x00\x08\x00\x00" + b"\x00\x00\x03\xaa\x00\x00\x00\x00"
        )  # fmt: skip
        assert connection.closing

    def test_4_multiplexed(self, deliver: Deliver) -> None:
        """
        Two requests on one connection, answered in the other order.
        """
        connection = ServerConnection()
        before = (
            b"\x01\x01\x00\x01\x00\x08\x00\x00" + b"\x00\x01\x01\x00\x00\x00\x00\x00"
            + PARAMS
            + PARAMS_END
            + b"\x01\x01\x00\x02\x00\x08\x00\x00" + b"\x00\x01\x01\x00\x00\x00\x00\x00"
            + b"\x01\x04\x00\x02\x00\x2a\x06\x00" + PAIRS + bytes(6)
            + b"\x01\x05\x00\x01\x00\x00\x00\x00"
        )  # fmt: skip
        assert deliver(connection, before) == [begun(1, True), StreamEnded(1, Stream.STDIN)]
        assert b"".join(connection.send(1, Stream.STDOUT, HEAD)) == (
            b"\x01\x06\x00\x01\x00\x1b\x05\x00" + HEAD + bytes(5)
        )
        after = b"\x01\x04\x00\x02\x00\x00\x00\x00" + b"\x01\x05\x00\x02\x00\x00\x00\x00"
        assert deliver(connection, after) == [begun(2, True), StreamEnded(2, Stream.STDIN)]
        assert connection.respond(2, HEAD, PAGE) == (
            b"\x01\x06\x00\x02\x00\x28\x00\x00" + HEAD + PAGE
            + b"\x01\x06\x00\x02\x00\x00\x00\x00"
            + b"\x01\x03\x00\x02\x00\x08\x00\x00" + bytes(8)
        )  # fmt: skip
        rest = b"".join(connection.send(1, Stream.STDOUT, PAGE)) + connection.end(1)
        assert rest == (
            b"\x01\x06\x00\x01\x00\x0d\x03\x00" + PAGE + bytes(3)
            + STDOUT_END
            + END
        )  # fmt: skip
        assert not connection.closing
