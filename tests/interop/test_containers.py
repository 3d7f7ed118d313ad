"""
The C{Containerfile} of C{docs/deploy/conf}: its commands do what they should in a container, where
the application is process 1.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from .frontends import CHECKOUT, CONF
from .processes import Workspace, find, folder, freePort, ownHost, running

TEXT = (CONF / "Containerfile").read_text("utf-8")


def command(instruction: str) -> list[str]:
    """
    The command of an instruction, with the programs of the tests' own environment.
    """
    found = re.search(rf"^{instruction} (\[.*\])$", TEXT, re.MULTILINE)
    assert found is not None
    words: list[str] = json.loads(found[1])
    return [str(Path(sys.executable).parent / words[0]), *words[1:]]


def replaced(words: list[str], changes: dict[str, str]) -> list[str]:
    """
    A command with other words in it.
    """
    assert set(changes) <= set(words)
    return [changes.get(word, word) for word in words]


def test_processOne() -> None:
    """
    As process 1 it serves, is healthy, logs to standard output, and ends with status 0 at SIGTERM,
    which is all that C{docker stop} sends.
    """
    with folder() as root:
        workspace = Workspace(root)
        host, port = ownHost(), freePort()
        serve = replaced(
            command("CMD"),
            {
                "tcp:9000": f"tcp:{port}:interface={host}",
                "myapp.app": "tests.interop.app.app",
                "127.0.0.1,172.16.0.0/12,10.88.0.0/16": "127.0.0.0/8",
            },
        )
        ping = replaced(command("HEALTHCHECK CMD"), {"127.0.0.1:9000": f"{host}:{port}"})
        # What is given as $0 stays process 1, as the shell is replaced by it.
        shell = ["sh", "-c", f'echo $$ > {root}/pid; exec "$0" "$@"', *serve]
        space = [find("unshare", "util-linux"), "--user", "--map-root-user", "--pid", "--fork"]
        with running("app", [*space, *shell], root, directory=CHECKOUT) as child:
            child.waitUntilAccepting((host, port))
            assert (root / "pid").read_text() == "1\n"
            with running("ping", ping, root) as healthy:
                assert healthy.wait() == 0, healthy.output()
            assert "Listens on tcp" in child.output()
            # unshare passes no signals on: this is its only child.
            inside = Path(f"/proc/{child.process.pid}/task/{child.process.pid}/children")
            [pid] = inside.read_text().split()
            with running("kill", ["kill", "-TERM", pid], workspace.root) as kill:
                assert kill.wait() == 0
            assert child.wait() == 0, child.output()
