"""
C{twistd fcgi}.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from twisted.python.usage import UsageError

from ..client.client import FastCGIClient
from ..server.fastcgi import FastCGIServerFactory
from ..wire.duplicates import DUPLICATES
from ..wire.fastcgiserver import checkRules
from .commandline import oneOf
from .options import ServerOptions, makeService

__all__ = ["Options", "makeService"]


def _rules(text: str) -> frozenset[str]:
    """
    @param text: The value of C{--lenient}.

    @return: Its rules.

    @raise UsageError: A rule is unknown.
    """
    rules = frozenset(word.strip() for word in text.split(","))
    try:
        checkRules(rules)
    except ValueError as error:
        raise UsageError(f"--lenient: {error}") from error
    return rules


class Options(ServerOptions):
    """
    The command line of C{twistd fcgi}.
    """

    command = "fcgi"
    protocol = "FastCGI"

    optParameters: ClassVar[Sequence[Sequence[Any]]] = [
        [
            "lenient",
            None,
            frozenset(),
            "Rules of the protocol that the web server may break, separated by commas: lengths "
            "(BEGIN_REQUEST of more than 8 bytes, ABORT_REQUEST with content), streams "
            "(content after the end of a stream), ids (request id 0 for a record of a "
            "request, another for GET_VALUES). The excess is dropped [default: none]",
            _rules,
        ],
        [
            "duplicate-params",
            None,
            "last",
            "Which value counts if a param comes several times: last or first. With "
            "reject, such a request gets a 400",
            oneOf("duplicate-params", *DUPLICATES),
        ],
    ]

    optFlags: ClassVar[Sequence[Sequence[Any]]] = [
        [
            "no-multiplex",
            None,
            "Refuse a second request on a connection while one is running (FCGI_CANT_MPX_CONN)",
        ],
    ]

    clientFactory = FastCGIClient
    serverFactory = FastCGIServerFactory

    def ownOptions(self) -> dict[str, Any]:
        """
        @return: The arguments of this protocol's factory.
        """
        return {
            "multiplex": not self["no-multiplex"],
            "lenient": self["lenient"],
            "duplicates": self["duplicate-params"],
        }
