"""
Tests of L{txfcgi.counting}.
"""

from __future__ import annotations

from txfcgi.counting import counted


def test_counted() -> None:
    """
    One thing has no plural.
    """
    assert [counted(number, "request") for number in range(3)] == [
        "0 requests",
        "1 request",
        "2 requests",
    ]
