"""
Many requests one behind the other, each on a connection of its own to the application: no answer is
lost to a connection that is closed too early. C{python -m tests.interop.many} makes more of them.
"""

from __future__ import annotations

import pytest

from .frontends import OVER_TCP, RESPONDERS, FrontEnd
from .many import ask

#: Those that make a connection for each request.
NAMES = "nginx-not-kept", "apache-not-kept", "lighttpd", "caddy", "nginx-scgi", "apache-scgi"

FRONT_ENDS = [
    pytest.param(frontEnd, id=frontEnd.name, marks=pytest.mark.xdist_group(frontEnd.name))
    for frontEnd in [*(each for each in RESPONDERS if each.name in NAMES), *OVER_TCP]
]


@pytest.mark.parametrize("frontEnd", FRONT_ENDS)
def test_many(frontEnd: FrontEnd) -> None:
    """
    All of them are answered.
    """
    wrong, said = ask(frontEnd, 3_000, 16)
    assert wrong == 0, said
