"""
C{pytest examples/testing_asgi} runs the examples that fit the installed plugins.
"""

from pathlib import Path

import pytest

# These need a plugin.
FOR = {"test_asgi_pytest_asyncio.py": "asyncio", "test_asgi_pytest_twisted.py": "twisted"}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """
    Skip a file that does not fit the loaded plugins (pytest-twisted runs the loop already), or that
    trial runs.
    """
    name = collection_path.name
    if name in FOR:
        return not config.pluginmanager.hasplugin(FOR[name]) or None
    if name == "test_asgi_pytest.py":
        return config.pluginmanager.hasplugin("twisted") or None
    return name == "test_asgi_trial.py" or None
