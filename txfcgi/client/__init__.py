"""
Clients for FastCGI and SCGI back ends: a client with its pool, and the protocol under it for
programs that make the connection themselves. Its public names are in L{txfcgi}, except for back
ends that a client starts as processes, L{FCGIProcess} and L{phpFPM}, and the times of a request,
L{CallTrace}.
"""

from .process import FCGIProcess, phpFPM
from .timing import CallTrace

__all__ = ["CallTrace", "FCGIProcess", "phpFPM"]
