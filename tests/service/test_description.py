"""
Tests of L{txfcgi.service.description}.
"""

from __future__ import annotations

from twisted.internet import endpoints
from twisted.trial.unittest import SynchronousTestCase

from txfcgi.service.description import Description
from txfcgi.service.errors import BadEndpoint


class DescriptionTests(SynchronousTestCase):
    """
    Tests of L{Description}.
    """

    def test_parts(self) -> None:
        """
        Colons separate arguments, the first equals sign of one gives it a name, a backslash takes
        the meaning of the character after it, as for Twisted.
        """
        for text in (
            "tcp:9000",
            "tcp:9000:interface=127.0.0.1",
            "tcp6:9000:interface=\\:\\:1",
            "unix:/run/a b.sock:mode=600",
            r"unix:/run/a\:b\=c\\d.sock",
            "ssl:443:privateKey=a=b:certKey=",
            "haproxy:tcp:9000",
        ):
            args, kwargs = endpoints._parse(text)
            found = Description.fromText(text)
            self.assertEqual([found.kind, *found.args], args)
            self.assertEqual(found.kwargs, kwargs)
            self.assertEqual(found.text, text)

    def test_noKind(self) -> None:
        """
        What begins with no word is refused, and what may have been meant is suggested.
        """
        for text, meant in (
            ("9000", "did you mean tcp:9000:interface=127.0.0.1?"),
            ("/run/app.sock", "did you mean unix:/run/app.sock?"),
            ("./app.sock", "did you mean unix:./app.sock?"),
            ("@app", "did you mean unix:@app?"),
            ("127.0.0.1:9000", "did you mean tcp:9000:interface=127.0.0.1?"),
            ("", "give one such as unix:/run/app.sock"),
            ("interface=127.0.0.1", "give one such as unix:/run/app.sock"),
        ):
            error = self.assertRaises(BadEndpoint, Description.fromText, text)
            self.assertIn(f"{text!r} is not a valid endpoint; {meant}", str(error))

    def test_public(self) -> None:
        """
        Of Twisted's own kinds it is known what they bind to.
        """
        for text in (
            "tcp:9000",
            "tcp:9000:interface=",
            "tcp:9000:0.0.0.0",
            "tcp:9000:interface=192.0.2.7",
            "TCP:9000",
            "tcp6:9000",
            "tcp6:9000:50:\\:\\:",
        ):
            self.assertTrue(Description.fromText(text).isPublic(), text)
        for text in (
            "tcp:9000:interface=127.0.0.1",
            "tcp:9000:127.0.0.1",
            "tcp:9000:interface=localhost",
            "tcp6:9000:interface=\\:\\:1",
            "unix:/run/app.sock",
            "fcgi:fd=0",
        ):
            self.assertFalse(Description.fromText(text).isPublic(), text)

    def test_local(self) -> None:
        """
        Of what is open to other machines it can be said how it is not.
        """
        for text, local in (
            ("tcp:9000", "tcp:9000:interface=127.0.0.1"),
            ("tcp:port=9000:interface=0.0.0.0", "tcp:9000:interface=127.0.0.1"),
            ("tcp6:9000", r"tcp6:9000:interface=\:\:1"),
            ("ssl:443:certKey=a.pem", "ssl:443:...:interface=127.0.0.1"),
            ("haproxy:tcp:9000", "haproxy:tcp:9000:interface=127.0.0.1"),
        ):
            self.assertEqual(Description.fromText(text).local(), local)
            self.assertTrue(Description.fromText(text).isPublic())
            self.assertFalse(Description.fromText(local).isPublic())
