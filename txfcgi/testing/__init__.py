"""
For those who test apps, gateways and clients: web servers and back ends in memory, and on real
sockets.
"""

from .exchange import CutOff, Exchange, MemoryResponse
from .frontend import MemoryFrontEnd
from .leftovers import Leftovers
from .link import Passed

__all__ = [
    "CutOff",
    "Exchange",
    "Leftovers",
    "MemoryFrontEnd",
    "MemoryResponse",
    "Passed",
]
