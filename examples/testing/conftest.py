"""
C{pytest examples/testing} runs the examples that fit the installed plugins.
"""

from pathlib import Path

import pytest

# These need a plugin.
FOR = {"test_pytest_asyncio.py": "asyncio", "test_pytest_twisted.py": "twisted"}
# These run the reactor, which pytest-twisted runs already.
RUN_THE_REACTOR = ("test_cassette.py", "test_socket_fixtures.py", "test_sockets.py")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """
    Skip a file that does not fit the loaded plugins.
    """
    there = config.pluginmanager.hasplugin
    name = collection_path.name
    if name in RUN_THE_REACTOR:
        return there("twisted") or None
    return None if name not in FOR or there(FOR[name]) else True
