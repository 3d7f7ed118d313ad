"""
Calling FastCGI and SCGI back ends: a client with its pool, and the protocol under it for those who
bring their own connection. What is public of it stands in L{txfcgi}, but for the programs that are
started for a client, L{FCGIProcess} and L{phpFPM}, and the times of a request, L{CallTrace}.
"""

from .process import FCGIProcess, phpFPM
from .timing import CallTrace

__all__ = ["CallTrace", "FCGIProcess", "phpFPM"]
