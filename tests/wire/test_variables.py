"""
What the variables of a request say together.
"""

from __future__ import annotations

import pytest

from txfcgi.wire.variables import uriIn


@pytest.mark.parametrize(
    ("params", "uri"),
    [
        ({"REQUEST_URI": "/a%20b?c", "SCRIPT_NAME": "/x"}, "/a%20b?c"),
        ({"SCRIPT_NAME": "/a", "PATH_INFO": "/b", "QUERY_STRING": "c=1"}, "/a/b?c=1"),
        ({"SCRIPT_NAME": "/a", "QUERY_STRING": ""}, "/a"),
        ({}, ""),
    ],
    ids=["sent", "made", "without-query", "nothing"],
)
def test_uri(params: dict[str, str], uri: str) -> None:
    """
    What was asked for is what the browser sent, or is put together where that is missing.
    """
    assert uriIn(params) == uri
