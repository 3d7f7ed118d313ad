"""
Tests of L{txfcgi.adapters.mounthint}: a word about paths that a web server does not divide.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from twisted.logger import formatEvent
from twisted.trial.unittest import SynchronousTestCase

from txfcgi.adapters.mounthint import MountHint

from .asgi import ASGITests, body, sending, start
from .resources import Leaf, ResourceTestCase
from .served import PLAIN, WSGITestCase


def looks(look: Any) -> int:
    """
    How many requests for C{/a} were looked at.
    """
    return sum(
        each.args[0].get("SCRIPT_NAME", "") + each.args[0].get("PATH_INFO", "") == "/a"
        for each in look.mock_calls
    )


class MountHintTests(SynchronousTestCase):
    """
    What is said, and when.
    """

    def test_once(self) -> None:
        """
        nginx's own params, of FastCGI and of SCGI, lead to one warning, which says what was sent
        and the option that sets it right.
        """
        for names, sent in (
            (("SCRIPT_NAME", "DOCUMENT_URI"), "SCRIPT_NAME, '/a', as nginx does with its own fast"),
            (("DOCUMENT_URI",), "DOCUMENT_URI, '/a', as nginx does with its own scgi_params."),
        ):
            hint = MountHint("shop")
            with patch.object(MountHint, "log") as log:
                for path in ("/a", "/b"):
                    hint.look(dict.fromkeys(names, path))
            self.assertEqual(len(log.mock_calls), 1)
            told = log.warn.call_args
            text = formatEvent({"log_format": told.args[0], **told.kwargs})
            self.assertTrue(text.startswith("shop finds no path in PATH_INFO: "), text)
            self.assertIn(f"sends all of it as {sent}", text)
            self.assertIn("With --mount / ", text)

    def test_never(self) -> None:
        """
        A PATH_INFO, be it empty, is the web server's word, and so is a SCRIPT_NAME that is not the
        whole path; at the root of a site there is nothing to divide.
        """
        hint = MountHint("shop")
        with patch.object(MountHint, "log") as log:
            for params in (
                {"SCRIPT_NAME": "/a", "DOCUMENT_URI": "/a", "PATH_INFO": ""},
                {"SCRIPT_NAME": "/a", "DOCUMENT_URI": "/a/b"},
                {"SCRIPT_NAME": "/a"},
                {"SCRIPT_NAME": "", "DOCUMENT_URI": ""},
                {"REQUEST_URI": "/a"},
                {},
            ):
                hint.look(params)
        self.assertEqual(log.mock_calls, [])


class ASGIHintTests(ASGITests):
    """
    An ASGI application hears of it.
    """

    def test_hint(self) -> None:
        """
        Unless it has a mount.
        """
        for mount, times in ((None, 1), ("/", 0)):
            with patch.object(MountHint, "look") as look:
                self.ask(sending(start(), body(b"x")), "GET", "/a", mount=mount)
            self.assertEqual(looks(look), times)


class ResourceHintTests(ResourceTestCase):
    """
    So does a resource.
    """

    def test_hint(self) -> None:
        """
        Unless it has a mount.
        """
        for mount, times in ((None, 1), ("/", 0)):
            frontEnd = self.frontEnd(Leaf(lambda request: b"x"), mount=mount)
            with patch.object(MountHint, "look") as look:
                self.successResultOf(frontEnd.get("/a"))
            self.assertEqual(looks(look), times)


class WSGIHintTests(WSGITestCase):
    """
    And a WSGI application.
    """

    async def test_hint(self) -> None:
        """
        Where it has no mount.
        """

        def application(environ: Any, start_response: Any) -> list[bytes]:
            start_response("200 OK", PLAIN)
            return [b"x"]

        frontEnd = self.frontEnd(application, server="nginx")
        with patch.object(MountHint, "look") as look:
            await frontEnd.get("/a")
        self.assertEqual(looks(look), 1)
