"""
The root of the tree.
"""

from __future__ import annotations


class TxFCGIError(Exception):
    """
    The root of the tree: whatever goes wrong in this project is one of these.
    """
