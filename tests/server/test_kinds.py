"""
Tests of L{txfcgi.server.kinds}.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from klein import Klein
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from txfcgi.adapters.wsgi import WSGIApp
from txfcgi.server.kinds import APP, ASGI, KLEIN, RESOURCE, SITE, WSGI, howToServe, kindOf, takes


def app(request: Any) -> None: ...


def wsgi(environ: Any, start_response: Any) -> list[bytes]:
    return []


async def asgi(scope: Any, receive: Any, send: Any) -> None: ...


class WSGIClass:
    """
    A class can be a WSGI application too.
    """

    def __init__(self, environ: Any, startResponse: Any) -> None: ...


class Framework:
    """
    An object of a framework.
    """

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        return []


class KindTests(SynchronousTestCase):
    """
    What something is.
    """

    def test_kinds(self) -> None:
        """
        It is told by how it is called, or by what it was made of.
        """
        for thing, kind in (
            (app, APP),
            (lambda request, more=None: None, APP),
            (lambda *arguments: None, APP),
            (WSGIApp(wsgi), APP),
            (wsgi, WSGI),
            (WSGIClass, WSGI),
            (Framework(), WSGI),
            (asgi, ASGI),
            (Resource(), RESOURCE),
            (Site(Resource()), SITE),
            (Klein(), KLEIN),
            (Klein().resource(), RESOURCE),
            (5, None),
            ("mod.fn", None),
            (None, None),
            (lambda: None, None),
        ):
            self.assertIs(kindOf(thing), kind, repr(thing))

    def test_writtenInC(self) -> None:
        """
        Where nobody can tell, it may be what it has to be.
        """
        self.assertTrue(takes(min, 2))
        self.assertFalse(takes(min, None))

    def test_howToServe(self) -> None:
        """
        The sentence names the option and the adapter.
        """
        self.assertEqual(howToServe(app), "")
        self.assertEqual(howToServe(5), "")
        for thing, words in (
            (wsgi, ("a WSGI application", "--wsgi", "WSGIApp(...) of txfcgi.adapters.wsgi")),
            (asgi, ("an ASGI application", "--asgi", "ASGIApp(...)")),
            (Resource(), ("a twisted.web resource", "--resource", "ResourceApp(...)")),
            (Site(Resource()), ("a twisted.web site", "--resource")),
            (Klein(), ("a Klein app", "--resource", "ResourceApp(app.resource())")),
        ):
            for word in words:
                self.assertIn(word, howToServe(thing))

    def test_importsNothing(self) -> None:
        """
        To ask costs no import of twisted.web's server or Klein.
        """
        program = (
            "import sys; from txfcgi.server.kinds import kindOf; kindOf(lambda environ, start: 0);"
            "sys.exit('klein' in sys.modules or 'twisted.web.server' in sys.modules)"
        )
        subprocess.run([sys.executable, "-c", program], check=True)
