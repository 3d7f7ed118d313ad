"""
The pytest fixtures of txfcgi. pytest loads this module whether or not a test uses it, so it imports
nothing expensive: no Twisted, no txfcgi, and no reactor.

The objects that the fixtures give to tests are in L{txfcgi.testing.fixtures}.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from txfcgi.testing.fixtures import Block, Clients, MemoryFrontEnds, Servers


def blockFor(request: pytest.FixtureRequest) -> Block:
    """
    How to wait for a Deferred: as pytest-twisted does, where it runs the reactor.
    """
    from txfcgi.testing.fixtures import blocking, spin

    plugin = request.config.pluginmanager.get_plugin("twisted")
    return spin if plugin is None else blocking(plugin.blockon)


@pytest.fixture
def memory_front_end(request: pytest.FixtureRequest) -> Iterator[MemoryFrontEnds]:
    """
    Make web servers in memory in front of an app: memory_front_end(app, server="nginx").
    """
    from txfcgi.testing.fixtures import MemoryFrontEnds

    frontEnds = MemoryFrontEnds(blockFor(request))
    yield frontEnds
    frontEnds.finish()


@pytest.fixture
def fcgi_server(request: pytest.FixtureRequest) -> Iterator[Servers]:
    """
    Serve an app on a real socket: fcgi_server(app).
    """
    from txfcgi.testing.fixtures import Servers

    servers = Servers(blockFor(request))
    yield servers
    servers.finish()


@pytest.fixture
def fcgi_client(request: pytest.FixtureRequest) -> Iterator[Clients]:
    """
    Make clients: fcgi_client(server), fcgi_client(backEnd) or
    fcgi_client("unix:/run/app.sock").
    """
    from txfcgi.testing.fixtures import Clients

    clients = Clients(blockFor(request))
    yield clients
    clients.finish()
