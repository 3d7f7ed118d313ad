"""
A browser for the tests: HTTP/1.1 over a blocking socket, which shows what comes as it is.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from .processes import PATIENCE, connect

Headers = Sequence[tuple[str, str]]

# An upload is sent in pieces of this many bytes, and chunked in chunks of as many.
PIECE = 65_536


@dataclass(frozen=True)
class Answer:
    """
    A whole response.

    @ivar headers: in the order they came, with repetitions.
    """

    code: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> list[str]:
        """
        All values of a header.
        """
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Browser:
    """
    One connection to a web server, for one request after the other; a context manager that closes
    it.
    """

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._authority = f"{host}:{port}"
        self._socket = connect((host, port))
        self._responses = ExitStack()

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *ignored: object) -> None:
        self.close()

    def again(self) -> Browser:
        """
        Another connection to the same web server.
        """
        return Browser(*self._address)

    def close(self) -> None:
        """
        Leave, whatever is still to come.
        """
        # The responses hold the socket open too.
        self._responses.close()
        self._socket.close()

    def send(
        self,
        method: str,
        target: bytes | str,
        headers: Headers = (),
        body: bytes | None = None,
        chunked: bool = False,
    ) -> None:
        """
        Send a request. A large body is sent while the response is read, as browsers do.

        @param target: as it goes on the wire.
        @param chunked: send the body in chunks, without telling its length.
        """
        if isinstance(target, str):
            target = target.encode("ascii")
        lines = list(headers)
        if not any(name == "Host" for name, _ in lines):
            lines.insert(0, ("Host", self._authority))
        if chunked:
            lines.append(("Transfer-Encoding", "chunked"))
        elif body is not None:
            lines.append(("Content-Length", str(len(body))))
        self._socket.sendall(
            b"%b %b HTTP/1.1\r\n" % (method.encode("ascii"), target)
            + b"".join(b"%b: %b\r\n" % (n.encode("ascii"), v.encode("utf-8")) for n, v in lines)
            + b"\r\n"
        )
        self._method = method
        if body is not None and len(body) > PIECE:
            # It ends with the body, or when the connection does.
            threading.Thread(target=self._sendBody, args=(body, chunked), daemon=True).start()
        else:
            self._sendBody(body or b"", chunked)

    def head(self) -> HTTPResponse:
        """
        Wait for the head of the response; its body is still to be read.
        """
        response = HTTPResponse(self._socket, method=self._method)
        self._responses.enter_context(response)
        response.begin()
        return response

    def fetch(
        self,
        method: str,
        target: bytes | str,
        headers: Headers = (),
        body: bytes | None = None,
        chunked: bool = False,
    ) -> Answer:
        """
        Send a request as L{send} does, and read the response, all of it.

        @raise http.client.IncompleteRead: when the connection is lost before its end.
        """
        self.send(method, target, headers, body, chunked)
        response = self.head()
        return Answer(response.status, response.getheaders(), response.read())

    def _sendBody(self, body: bytes, chunked: bool) -> None:
        """
        Send a body, as far as the web server takes it: it may answer and close before.
        """
        try:
            for piece in self._pieces(body, chunked):
                self._socket.sendall(piece)
        except OSError:
            return

    @staticmethod
    def _pieces(body: bytes, chunked: bool) -> Iterator[bytes]:
        """
        A body as it is sent.
        """
        for start in range(0, len(body), PIECE):
            piece = body[start : start + PIECE]
            yield b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece
        if chunked:
            yield b"0\r\n\r\n"


class RemoteControl:
    """
    The test's end of what L{tests.interop.app.Remote} is the other of: one request that the
    application has.

    @ivar query: What to put into the request's query.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "remote.sock"
        self.query = f"remote={quote(str(path))}"
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.settimeout(PATIENCE)
        self._listening.bind(str(path))
        self._listening.listen(1)
        self._connection: socket.socket | None = None
        self._file: BinaryIO | None = None

    def close(self) -> None:
        """
        Hang up.
        """
        for end in (self._file, self._connection, self._listening):
            if end is not None:
                end.close()

    def _connected(self) -> socket.socket:
        """
        Wait until the request is with the application.
        """
        if self._connection is None:
            self._connection, _ = self._listening.accept()
            self._connection.settimeout(PATIENCE)
            self._file = self._connection.makefile("rb")
        return self._connection

    def say(self, line: bytes) -> None:
        """
        Say one line to the application.
        """
        self._connected().sendall(line + b"\n")

    def hear(self) -> bytes:
        """
        Wait for a line from the application.

        @raise TimeoutError: when none comes.
        """
        self._connected()
        assert self._file is not None
        return self._file.readline().rstrip(b"\n")
