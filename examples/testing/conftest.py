"""
Which of these examples C{pytest examples/testing} runs: those that its plugins are for.
"""

from pathlib import Path

import pytest

# These are written for a plugin.
FOR = {"test_pytest_asyncio.py": "asyncio", "test_pytest_twisted.py": "twisted"}
# And these run the reactor by themselves, which pytest-twisted has done already.
RUN_THE_REACTOR = ("test_cassette.py", "test_socket_fixtures.py", "test_sockets.py")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """
    Pass over a file that does not go with the plugins that are loaded.
    """
    there = config.pluginmanager.hasplugin
    name = collection_path.name
    if name in RUN_THE_REACTOR:
        return there("twisted") or None
    return None if name not in FOR or there(FOR[name]) else True
