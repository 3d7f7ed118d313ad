"""
The text of C{--version}.
"""

from __future__ import annotations

from .. import __version__
from ..wire.framing import COMPILED


def versionLine() -> str:
    """
    The version, and which wire is in use.
    """
    return f"txfcgi {__version__} (wire: {'compiled' if COMPILED else 'pure Python'})"
