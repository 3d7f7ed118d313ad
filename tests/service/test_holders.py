"""
Tests of L{txfcgi.service.holders}.
"""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from txfcgi.service import holders
from txfcgi.service.holders import holdersOfTCP, holdersOfUNIX

IN_USE = OSError(errno.EADDRINUSE, "Address already in use")

#: How this process is named.
OURS = f"process {os.getpid()}, "


def listening(family: int, address: Any) -> socket.socket:
    """
    A socket that listens.
    """
    made = socket.socket(family)
    made.bind(address)
    made.listen()
    return made


@pytest.mark.parametrize("renamed", [False, True], ids=["bound-there", "renamed"])
def test_unix(tmp_path: Path, renamed: bool) -> None:
    """
    Whoever holds a Unix socket is found, under the name that it has now.
    """
    path = tmp_path / "a.sock"
    with listening(socket.AF_UNIX, str(path)):
        if renamed:
            path = path.rename(tmp_path / "b.sock")
        assert holdersOfUNIX(str(path)).startswith(f" ({OURS}")
    assert holdersOfUNIX(str(path)) == ""


@pytest.mark.parametrize(
    ("family", "address", "asked"),
    [
        pytest.param(socket.AF_INET, "127.0.0.1", "127.0.0.1", id="same"),
        pytest.param(socket.AF_INET, "127.0.0.1", "", id="all-are-asked"),
        pytest.param(socket.AF_INET, "0.0.0.0", "127.0.0.1", id="all-are-held"),
        pytest.param(socket.AF_INET6, "::1", "::1", id="same-v6"),
        pytest.param(socket.AF_INET6, "::", "127.0.0.1", id="all-v6-are-held"),
    ],
)
def test_tcp(family: int, address: str, asked: str) -> None:
    """
    So is who holds a port that is in the way.
    """
    with listening(family, (address, 0)) as held:
        assert holdersOfTCP(asked, held.getsockname()[1], IN_USE).startswith(f" ({OURS}")


def test_tcpThatIsNotInTheWay() -> None:
    """
    The same port of another address is not in the way, and another error has another reason.
    """
    with listening(socket.AF_INET, ("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        assert holdersOfTCP("127.0.0.2", port, IN_USE) == ""
        assert holdersOfTCP("127.0.0.1", port, OSError(errno.EACCES, "Permission denied")) == ""


def test_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Of many processes some are named, and the others counted.
    """
    monkeypatch.setattr(holders, "_holds", lambda pid, links: True)
    monkeypatch.setattr(
        os, "listdir", lambda path: ["self", *map(str, range(4_000_001, 4_000_011))]
    )
    with listening(socket.AF_UNIX, str(tmp_path / "a.sock")):
        said = holdersOfUNIX(str(tmp_path / "a.sock"))
    assert said.startswith(" (process 4000001, process 4000002, ")
    assert said.endswith(", process 4000008, and 2 more)")


def test_nothingToAsk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where the kernel tells nothing, nobody is named.
    """
    path = str(tmp_path / "a.sock")
    with listening(socket.AF_UNIX, path):
        monkeypatch.setattr(holders, "_SOCK_DIAG", 2)
        assert holdersOfUNIX(path) == ""
        monkeypatch.setattr(holders, "_SOCK_DIAG", 9999)
        assert holdersOfUNIX(path) == ""
