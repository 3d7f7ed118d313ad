"""
How web servers use their connections to the application, and how they start and stop it.
"""

from __future__ import annotations

import json
import os
import select
from contextlib import ExitStack

import pytest

from .client import Browser
from .conftest import parameters
from .frontends import MULTIPLEXED, RESPONDERS, FrontEnd, Site
from .processes import PATIENCE

KEEPING = [frontEnd for frontEnd in RESPONDERS if frontEnd.keeps]
ONE_BY_ONE = [frontEnd for frontEnd in KEEPING if frontEnd.settings is not MULTIPLEXED]
NOT_KEEPING = [frontEnd for frontEnd in RESPONDERS if frontEnd.tcp and not frontEnd.keeps]
SPAWNING = [frontEnd for frontEnd in RESPONDERS if frontEnd.spawns]

# Requests at the same time.
PARTY = 8


def portOf(browser: Browser) -> int:
    """
    The web server's port of the connection on which it sent the application a request.
    """
    port: int = json.loads(browser.fetch("GET", "/who-am-i").body)["port"]
    return port


@pytest.mark.parametrize("site", parameters(KEEPING), indirect=True)
def test_keepsConnections(browser: Browser) -> None:
    """
    200 requests, one after the other, all on one connection to the application.
    """
    assert len({portOf(browser) for _ in range(200)}) == 1


@pytest.mark.parametrize("site", parameters(ONE_BY_ONE), indirect=True)
def test_keepsConnectionsThroughFailures(browser: Browser, site: Site) -> None:
    """
    Neither a request that fails, nor one that is refused, nor one whose body the application does
    not read costs the connection.
    """
    first = portOf(browser)
    for target in ("/fail-before", "/overloaded", "/status/404"):
        with site.browser() as other:
            other.fetch("POST", target, body=b"x" * 10_000)
    assert portOf(browser) == first


@pytest.mark.parametrize("site", parameters(NOT_KEEPING), indirect=True)
def test_newConnections(browser: Browser) -> None:
    """
    Where the web server does not ask to keep them, each request has a connection of its own, which
    ends without a fault.
    """
    assert len({portOf(browser) for _ in range(20)}) == 20


@pytest.mark.parametrize("site", parameters(KEEPING), indirect=True)
def test_requestsAtTheSameTime(site: Site) -> None:
    """
    Requests at the same time are all with the application: on one connection for all where the web
    server multiplexes, otherwise on one for each.
    """
    with ExitStack() as stack:
        browsers = [stack.enter_context(site.browser()) for _ in range(PARTY)]
        for browser in browsers:
            browser.send("GET", f"/meet?name=party&expected={PARTY}")
        ports = {json.loads(browser.head().read())["port"] for browser in browsers}
    multiplexes = site.frontEnd.settings is MULTIPLEXED
    assert len(ports) < PARTY if multiplexes else len(ports) == PARTY


@pytest.mark.parametrize("site", parameters(KEEPING), indirect=True)
@pytest.mark.parametrize(("target", "code"), [("/fail-before", 500), ("/overloaded", 503)])
def test_failuresLeaveOthersAlone(site: Site, target: str, code: int) -> None:
    """
    Requests go on while others fail, on the same connections where the web server multiplexes.
    """
    name = target.strip("/")
    with ExitStack() as stack:
        browsers = [stack.enter_context(site.browser()) for _ in range(PARTY)]
        for browser in browsers[1:]:
            browser.send("GET", f"/meet?name={name}&expected={PARTY}")
        for _ in range(PARTY):
            with site.browser() as other:
                assert other.fetch("GET", target).code == code
        browsers[0].send("GET", f"/meet?name={name}&expected={PARTY}")
        assert [browser.head().status for browser in browsers] == [200] * PARTY


@pytest.mark.parametrize("frontEnd", parameters(SPAWNING))
def test_startsAndStops(frontEnd: FrontEnd) -> None:
    """
    The web server starts the application, and the application ends with it.
    """
    with frontEnd.running() as site, site.browser() as browser:
        application = os.pidfd_open(json.loads(browser.fetch("GET", "/who-am-i").body)["pid"])
    try:
        ended, _, _ = select.select([application], [], [], PATIENCE)
        assert ended
    finally:
        os.close(application)
