"""
Calling FastCGI and SCGI back ends: a client with its pool, and the protocol under it for those who
bring their own connection. What is public of it stands in L{txfcgi}, but for the programs that are
started for a client: L{FCGIProcess} and L{phpFPM}.
"""

from .process import FCGIProcess, phpFPM

__all__ = ["FCGIProcess", "phpFPM"]
