"""
What stands for a web server behaves as that web server was recorded. That the recordings are still
true is tested in C{tests/interop/test_manners.py}.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from txfcgi import Role
from txfcgi.testing import MemoryFrontEnd

from . import memory
from .record import recorded
from .variants import VARIANTS, Variant

RESPONDERS = [variant for variant in VARIANTS if not variant.name.endswith("-authorizer")]
AUTHORIZERS = [
    ("apache-authorizer", [None]),
    ("apache-two-questions-authorizer", ["AUTHENTICATOR", "AUTHORIZER"]),
    ("lighttpd-authorizer", [None]),
]


def alike(recording: dict[str, Any]) -> dict[str, Any]:
    """
    A recording without what its directory, which is no folder of files elsewhere, makes different.
    """
    changed: dict[str, Any] = json.loads(json.dumps(recording).replace("{directory}", "{root}"))
    return changed


@pytest.mark.parametrize("variant", RESPONDERS, ids=lambda variant: str(variant.name))
def test_asRecorded(variant: Variant) -> None:
    """
    Every record, every variable and its place, the connections and the end are what they were.
    """
    assert memory.record(variant) == alike(recorded(variant.name))


@pytest.mark.parametrize(("name", "roles"), AUTHORIZERS)
def test_authorizers(name: str, roles: list[str | None]) -> None:
    """
    An Authorizer is asked as it was.
    """
    variant = next(one for one in VARIANTS if one.name == name)
    for number, role in enumerate(roles):
        found = memory.record(variant, Role.AUTHORIZER, role)
        for scenario, request in recorded(name)["scenarios"].items():
            question = request["requests"][number]
            # What the first question adds to the variables of the second is the app's.
            question["params"] = [pair for pair in question["params"] if pair[0] != "KNOWN_AS"]
            assert found["scenarios"][scenario]["requests"] == [question]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"server": "haproxy", "protocol": "scgi"},
            "speaks scgi: choose one of nginx, apache, lighttpd, plain",
        ),
        ({"server": "iis"}, "'iis' is not a web server that speaks"),
        ({"server": "lighttpd", "keep": True}, "has no setting keep"),
        ({"protocol": "http"}, "'http' is not a protocol"),
    ],
)
def test_noSuchServer(options: dict[str, Any], message: str) -> None:
    """
    What no web server does can't be asked for.
    """
    with pytest.raises(ValueError, match=message):
        MemoryFrontEnd(lambda request: None, **options)


@pytest.mark.parametrize("server", ["nginx", "haproxy", "caddy"])
def test_noSuchRole(server: Any) -> None:
    """
    A web server that never asks an Authorizer does not do so here.
    """
    frontEnd = MemoryFrontEnd(lambda request: None, server=server)
    with pytest.raises(ValueError, match="never asks for a Authorizer"):
        frontEnd.get("/", role=Role.AUTHORIZER)
