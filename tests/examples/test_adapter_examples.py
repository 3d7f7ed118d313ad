"""
Tests of the examples that serve what was written for another interface.
"""

from __future__ import annotations

import json
import socket

from .test_server_examples import ExampleTests


class FlaskTests(ExampleTests):
    """
    C{examples/wsgi_flask.py}
    """

    example = "wsgi_flask"

    def test_answers(self) -> None:
        """
        It shows a form, and takes it.
        """
        self.assertIn(b'<form method="post">', self.request().body)
        params = {"CONTENT_TYPE": "application/x-www-form-urlencoded"}
        answer = self.request("POST", "/", b"guest=Ada+%26+Charles", **params)
        self.assertEqual(answer.code, 200)
        self.assertIn(b"<li>Ada &amp; Charles</li>", answer.body)
        self.assertEqual(self.request(uri="/nothing").code, 404)
        self.assertEnds(self.program)


class DjangoTests(ExampleTests):
    """
    C{examples/wsgi_django.py}
    """

    example = "wsgi_django"

    def test_answers(self) -> None:
        """
        It answers, and says what came.
        """
        self.assertEqual(
            self.request(HTTP_HOST="example.org").body, b'<a href="/about/">About</a>\n'
        )
        answer = self.request(uri="/about/?a=b", HTTP_HOST="example.org")
        self.assertEqual(json.loads(answer.body), {"path": "/about/", "query": {"a": "b"}})
        self.assertEqual(
            self.request(uri="/about", HTTP_HOST="example.org").headers["location"], "/about/"
        )
        self.assertEnds(self.program)


class ResourceTests(ExampleTests):
    """
    C{examples/twisted_resource.py}
    """

    example = "twisted_resource"

    def test_answers(self) -> None:
        """
        It counts in a session.
        """
        self.assertIn(b"visits", self.request().body)
        first = self.request(uri="/visits")
        self.assertEqual(first.body, b"You were here 1 times.\n")
        cookie = first.headers["set-cookie"].partition(";")[0]
        again = self.request(uri="/visits", HTTP_COOKIE=cookie)
        self.assertEqual(again.body, b"You were here 2 times.\n")
        self.assertEqual(self.request(uri="/visits").body, b"You were here 1 times.\n")
        self.assertEnds(self.program)


class KleinTests(ExampleTests):
    """
    C{examples/klein_site.py}
    """

    example = "klein_site"

    def test_answers(self) -> None:
        """
        It answers at once, and later.
        """
        self.assertEqual(self.request().body, b"Hello from Klein.\n")
        self.assertEqual(self.request(uri="/later/0").body, b"That took 0 seconds.\n")
        self.assertEqual(self.request(uri="/nothing").code, 404)
        self.assertEnds(self.program)


class MigrationTests(ExampleTests):
    """
    C{examples/migration.py}
    """

    example = "migration"

    def command(self) -> str:
        """
        The command, with a socket for HTTP of this test's own.
        """
        return super().command().replace("/tmp/http.sock", self.path("http.sock"))

    def test_answers(self) -> None:
        """
        The site answers over both, and over FastCGI it knows the browser.
        """
        self.assertEqual(self.request(REMOTE_ADDR="192.0.2.1").body, b"Hello 192.0.2.1\n")
        with self.connect(self.path("http.sock")) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while data := connection.recv(65_536):
                answer += data
        self.assertTrue(answer.endswith(b"\r\n\r\nHello there\n"), answer)
        self.assertEnds(self.program)
