"""
Test kit for apps, gateways and clients: web servers and back ends in memory, and on real sockets.
"""

from . import answers
from .answers import Answer
from .backend import MemoryBackEnd
from .backlink import Called
from .browser import Browser, Unanswered
from .cassettes import BadCassette
from .exchange import CutOff, Exchange, MemoryResponse
from .frontend import MemoryFrontEnd
from .leftovers import Leftovers
from .link import Passed
from .recording import Recording, cassette, play
from .sockets import Served, serve

__all__ = [
    "Answer",
    "BadCassette",
    "Browser",
    "Called",
    "CutOff",
    "Exchange",
    "Leftovers",
    "MemoryBackEnd",
    "MemoryFrontEnd",
    "MemoryResponse",
    "Passed",
    "Recording",
    "Served",
    "Unanswered",
    "answers",
    "cassette",
    "play",
    "serve",
]
