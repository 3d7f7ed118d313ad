"""
The examples of SCGI do what they say.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from .processes import Workspace, folder, freePort, running
from .test_rtorrent import rTorrent

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def output(name: str, *arguments: str) -> str:
    """
    What an example prints.
    """
    result = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_serverAndClient(kind: str) -> None:
    """
    One asks the other, over TCP and over a Unix socket.
    """
    with folder() as path, ExitStack() as stack:
        workspace = Workspace(path)
        if kind == "tcp":
            port = freePort()
            listen, connect = (
                f"tcp:{port}:interface={workspace.host}",
                f"tcp:{workspace.host}:{port}",
            )
            address: str | tuple[str, int] = (workspace.host, port)
        else:
            listen = connect = f"unix:{workspace.socket}"
            address = workspace.socket
        command = [sys.executable, str(EXAMPLES / "scgi_server.py"), listen]
        server = stack.enter_context(running("server", command, workspace.root))
        server.waitUntilAccepting(address)
        assert output("scgi_client.py", connect) == (
            "200 GET /hello: 0 bytes\n200 POST /deepthought: 19 bytes\n"
        )


def test_withoutTwisted() -> None:
    """
    Both ends as bytes.
    """
    lines = output("scgi_without_twisted.py").splitlines()
    assert lines[0] == repr(
        b"70:CONTENT_LENGTH\x0027\x00SCGI\x001\x00REQUEST_METHOD\x00POST\x00"
        b"REQUEST_URI\x00/deepthought\x00,What is the answer to life?"
    )
    assert lines[-1].endswith(" True")


@pytest.mark.parametrize("name", ["scgi_codec_sync.py", "scgi_codec_asyncio.py"])
def test_codec(name: str) -> None:
    """
    A server and a client that have no more than the codec.
    """
    assert output(name).splitlines() == [
        "b'/deepthought' b'What is the answer to life?'",
        repr(b"Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n42"),
    ]


def test_rTorrent() -> None:
    """
    What rTorrent says of itself.
    """
    with folder() as path:
        workspace = Workspace(path)
        with rTorrent(workspace, f"network.scgi.open_local = {workspace.socket}"):
            lines = output("scgi_rtorrent.py", f"scgi+unix:{workspace.socket}").splitlines()
    assert lines[0].startswith("rTorrent ")
    assert lines[1] == "[]"
