"""
For those who test apps, gateways and clients: web servers and back ends in memory, and on real
sockets.
"""

from . import answers
from .answers import Answer
from .backend import MemoryBackEnd
from .backlink import Called
from .browser import Browser, Unanswered
from .exchange import CutOff, Exchange, MemoryResponse
from .frontend import MemoryFrontEnd
from .leftovers import Leftovers
from .link import Passed
from .sockets import Served, serve

__all__ = [
    "Answer",
    "Browser",
    "Called",
    "CutOff",
    "Exchange",
    "Leftovers",
    "MemoryBackEnd",
    "MemoryFrontEnd",
    "MemoryResponse",
    "Passed",
    "Served",
    "Unanswered",
    "answers",
    "serve",
]
