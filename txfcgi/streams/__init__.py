"""
One stream of bytes each way, the same at a server and at a client.

L{InputStream} is read; L{OutputStream} is written. Both hold a bounded number of bytes: the first
by asking its source to pause, the second by asking its writer to wait, and by failing the request
of a writer that does not.
"""

from .incoming import COLLECT_BYTES, STREAM_BYTES, Source
from .input import InputStream
from .output import TURN, OutputStream, asBuffer

__all__ = [
    "COLLECT_BYTES",
    "STREAM_BYTES",
    "TURN",
    "InputStream",
    "OutputStream",
    "Source",
    "asBuffer",
]
