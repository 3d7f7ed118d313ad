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


def test_tcpOfTheOtherFamily(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A server of IPv6 alone is not in the way of one that has the same port of IPv4, and not named.
    """
    looked: set[str] = set()
    monkeypatch.setattr(holders, "_holds", lambda pid, links: looked.update(links))
    with (
        listening(socket.AF_INET, ("127.0.0.1", 0)) as held,
        socket.socket(socket.AF_INET6) as beside,
    ):
        port = held.getsockname()[1]
        beside.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        beside.bind(("::", port))
        beside.listen()
        holdersOfTCP("127.0.0.1", port, IN_USE)
        assert looked == {f"socket:[{os.fstat(held.fileno()).st_ino}]"}


def test_tcpOfOneInterface(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    An address of IPv6 may name its interface.
    """
    path = tmp_path / "tcp6"
    words = ["0:", f"000080FE{'0' * 16}01000000:1F90", f"{'0' * 32}:0000", "0A", *["0"] * 5, "42"]
    path.write_text(f"sl\n{' '.join(words)}\n")
    looked: set[str] = set()
    monkeypatch.setattr(holders, "open", lambda _, **how: open(path, **how), raising=False)
    monkeypatch.setattr(holders, "_holds", lambda pid, links: looked.update(links))
    holdersOfTCP("fe80::1%eth0", 8080, IN_USE)
    assert looked == {"socket:[42]"}


@pytest.mark.parametrize(
    "table",
    ["", "sl\n", "sl\nodd\n", "sl\n0: 0100007F:XXXX 0:0 0A\n", "sl\n\N{BULLET}\n"],
    ids=["empty", "no-socket", "short-line", "no-port", "no-ascii"],
)
def test_oddTable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str) -> None:
    """
    A list of sockets that is not as Linux writes it is no reason to fail.
    """
    path = tmp_path / "tcp"
    path.write_text(table, "utf-8")
    monkeypatch.setattr(holders, "open", lambda _, **how: open(path, **how), raising=False)
    assert holdersOfTCP("127.0.0.1", 80, IN_USE) == ""


@pytest.mark.parametrize(
    ("stat", "said"),
    [
        pytest.param("7 (a) b) S 1 7\n", "process 7, a) b", id="brackets"),
        pytest.param("7 (\x1b[1m) T 1 7\n", None, id="stopped"),
        pytest.param("", "process 7", id="empty"),
        pytest.param("7", "process 7", id="no-name"),
    ],
)
def test_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stat: str, said: str | None) -> None:
    """
    A process is named as far as its name is known, whatever that is.
    """
    path = tmp_path / "stat"
    path.write_text(stat, "utf-8")
    monkeypatch.setattr(holders, "open", lambda _, **how: open(path, **how), raising=False)
    monkeypatch.setattr(holders, "_holds", lambda pid, links: pid == 7)
    monkeypatch.setattr(os, "listdir", lambda path: ["self", "7"])
    monkeypatch.setattr(holders, "_tcpSockets", lambda host, port: {1})
    stopped = r"process 7, \x1b[1m, stopped: kill -CONT 7 or kill -9 7"
    assert holdersOfTCP("", 80, IN_USE) == f" ({said or stopped})"


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
    Where the kernel tells nothing, as it is another system's, nobody is named.
    """
    path = str(tmp_path / "a.sock")
    with listening(socket.AF_UNIX, path):
        monkeypatch.setattr(holders, "_SOCK_DIAG", 2)
        assert holdersOfUNIX(path) == ""
        monkeypatch.setattr(holders, "_SOCK_DIAG", 9999)
        assert holdersOfUNIX(path) == ""
        monkeypatch.delattr(socket, "AF_NETLINK")
        assert holdersOfUNIX(path) == ""
