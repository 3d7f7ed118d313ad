"""
Streams of bytes, one in each direction, the same for a server and a client.

A program reads from an L{InputStream}, and writes to an L{OutputStream}. Both hold a bounded number
of bytes: the first asks its source to pause; the second asks its writer to wait, and fails the
request of a writer that does not.
"""

from .input import InputStream
from .output import OutputStream

__all__ = ["InputStream", "OutputStream"]
