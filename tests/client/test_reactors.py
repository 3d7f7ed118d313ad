"""
The client with each reactor. There is one reactor in a process, so each has its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("transport", ["tcp", "unix"])
@pytest.mark.parametrize("kind", ["asyncioreactor", "epollreactor", "pollreactor", "selectreactor"])
def test_echo(kind: str, transport: str) -> None:
    """
    A large body goes there and back at once, twice on the same connection.
    """
    command = [sys.executable, "-m", "tests.client.onreactor", kind, transport]
    ended = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
