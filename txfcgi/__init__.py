"""
FastCGI and SCGI for Twisted.
"""

from importlib.metadata import version

__version__ = version("txfcgi")

__all__ = ["__version__"]
