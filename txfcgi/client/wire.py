"""
The protocols that a client speaks. Their connections have in common what this package uses of
them.
"""

from __future__ import annotations

from ..wire import fastcgiclient, scgiclient

ClientWire = fastcgiclient.ClientConnection | scgiclient.ClientConnection
