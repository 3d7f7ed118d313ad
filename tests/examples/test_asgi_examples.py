"""
Tests of the examples of what ASGI and asyncio have, and of what a request can be asked for.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .test_server_examples import ExampleTests


class FastAPITests(ExampleTests):
    """
    C{examples/asgi_fastapi.py}
    """

    example = "asgi_fastapi"

    def test_tasks(self) -> None:
        """
        Tasks are added and shown, and what is no task is refused.
        """
        sent = {"CONTENT_TYPE": "application/json"}
        task = b'{"text": "Buy milk"}'
        answer = self.request("POST", "/tasks", task, **sent)
        self.assertEqual(answer.code, 201)
        milk = {"text": "Buy milk", "done": False}
        self.assertEqual(json.loads(self.request(uri="/tasks").body), [milk])
        self.assertEqual(json.loads(self.request(uri="/tasks/1").body), milk)
        self.assertEqual(self.request(uri="/tasks/2").code, 404)
        self.assertEqual(self.request("POST", "/tasks", b"{}", **sent).code, 422)
        self.assertEqual(self.request(uri="/docs").code, 200)
        self.assertEnds(self.program)


class BackEnd(BaseHTTPRequestHandler):
    """
    Whom the example asks.
    """

    def do_GET(self) -> None:
        """
        Answer.
        """
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *arguments: object) -> None:
        """
        Say nothing.
        """


class HTTPXTests(ExampleTests):
    """
    C{examples/async_httpx.py}
    """

    example = "async_httpx"

    def setUp(self) -> None:
        """
        Start whom it asks, and it.
        """
        server = ThreadingHTTPServer(("127.0.0.1", 0), BackEnd)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.url = f"http://127.0.0.1:{server.server_port}/"
        self.patch(os, "environ", {**os.environ, "BACKENDS": f"{self.url} http://127.0.0.1:9/"})
        super().setUp()

    def test_asks(self) -> None:
        """
        It asks all of them, and tells which did not answer.
        """
        for _ in range(2):
            found = json.loads(self.request().body)["asked"]
            self.assertEqual(found[0], {"url": self.url, "status": 200, "bytes": 5})
            self.assertEqual(found[1]["error"], "ConnectError")
        self.assertEnds(self.program)


class EventsTests(ExampleTests):
    """
    C{examples/events.py}
    """

    example = "events"

    def test_events(self) -> None:
        """
        There is a page, and a stream that goes on where the browser was.
        """
        self.assertIn(b"EventSource", self.request().body)
        answer = self.request(uri="/events?count=2&every=0.01", HTTP_LAST_EVENT_ID="7")
        self.assertEqual(answer.headers["content-type"], "text/event-stream; charset=utf-8")
        self.assertEqual(answer.headers["x-accel-buffering"], "no")
        self.assertRegex(
            answer.body.decode(),
            r"^event: time\nid: 8\ndata: \d\d:\d\d:\d\d\n\nevent: time\nid: 9\ndata: .*\n\n$",
        )
        self.assertEnds(self.program)


class FormUploadTests(ExampleTests):
    """
    C{examples/form_upload.py}
    """

    example = "form_upload"

    def test_upload(self) -> None:
        """
        It says what was sent, and takes no more than it wants.
        """
        self.assertIn(b"multipart/form-data", self.request().body)
        content = b"x" * 1_000_000
        body = (
            b'--b\r\nContent-Disposition: form-data; name="comment"\r\n\r\nhello\r\n--b\r\n'
            b'Content-Disposition: form-data; name="file"; filename="x.bin"\r\n'
            b"Content-Type: application/x-test\r\n\r\n" + content + b"\r\n--b--\r\n"
        )
        sent = {"CONTENT_TYPE": "multipart/form-data; boundary=b"}
        found = json.loads(self.request("POST", "/", body, **sent).body)
        self.assertEqual(found["comment"], "hello")
        (file,) = found["files"]
        self.assertEqual((file["name"], file["bytes"]), ("x.bin", 1_000_000))
        self.assertEqual(file["sha256"], hashlib.sha256(content).hexdigest())
        body = body.replace(b"hello", b"x" * 20_000)
        self.assertEqual(self.request("POST", "/", body, **sent).code, 413)
        self.assertEnds(self.program)
