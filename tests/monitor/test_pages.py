"""
Tests of L{txfcgi.monitor.pages}, L{txfcgi.monitor.page} and L{txfcgi.monitor.openmetrics}: what
C{--status} shows, and to whom.
"""

from __future__ import annotations

import json
import sys
from typing import Any
from unittest.mock import patch

from prometheus_client.openmetrics.parser import text_string_to_metric_families
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.test.requesthelper import DummyChannel

from txfcgi.monitor.counters import BUCKETS
from txfcgi.monitor.page import _bytes, _duration
from txfcgi.monitor.pages import StatusResource
from txfcgi.web.request import StreamingRequest
from txfcgi.web.site import StreamingSite

from .boards import Service

LOOPBACK = IPv4Address("TCP", "127.0.0.1", 9100)
PUBLIC = IPv4Address("TCP", "192.0.2.7", 9100)


class PagesTests(SynchronousTestCase):
    """
    Tests of L{StatusResource}.
    """

    def setUp(self) -> None:
        self.service = Service()

    def ask(
        self, path: str, host: Any = LOOPBACK, client: Any = LOOPBACK, **headers: str
    ) -> tuple[int, dict[str, str], str]:
        """
        Ask for a page.
        """
        channel: Any = DummyChannel()
        request: Any = StreamingRequest(channel)
        request.gotLength(0)
        request.client, request.host = client, host
        for name, value in {"Host": "localhost:9100", **headers}.items():
            request.requestHeaders.addRawHeader(name.replace("_", "-"), value)
        request.method, request.clientproto = b"GET", b"HTTP/1.1"
        request.uri = request.path = path.encode()
        body = StatusResource(self.service.board).render(request)
        given = request.responseHeaders.getAllRawHeaders()
        return request.code, {k.decode(): v[0].decode() for k, v in given}, body.decode()

    def test_page(self) -> None:
        """
        The page for people: all is escaped, it looks again by itself, and has no script.
        """
        self.service.figures |= {"limits": {"requests": 3}, "refused": {"<peer>": 4}}
        self.service.figures["clients"] = {"php": {"open": 5, "idle": 2}}
        code, headers, page = self.ask("/")
        self.assertEqual((code, headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        self.assertEqual(headers["Cache-Control"], "no-store")
        for said in (
            "fcgi --app &lt;mod&gt;.fn",
            "GET /&lt;script&gt;alert(1)&lt;/script&gt;?token=***&amp;a=&quot;&#x27;",
            "1 min 15 s",
            "1 of 2 workers ready",
            "<td>4711</td>",
            "1 h 1 min",
            "&lt;peer&gt;",
            '<td class="text">php</td><td>5</td><td>2</td>',
            'http-equiv="refresh" content="2"',
            'name="viewport"',
        ):
            self.assertIn(said, page)
        for hidden in ("<script", "<peer>", "src=", "href="):
            self.assertNotIn(hidden, page)

    def test_empty(self) -> None:
        """
        Where nothing runs, the page says so.
        """
        self.service.running = []
        self.assertIn('<p id="running">None.</p>', self.ask("/")[2])

    def test_json(self) -> None:
        """
        The same for programs.
        """
        _, headers, body = self.ask("/status.json")
        self.assertEqual(headers["Content-Type"], "application/json")
        self.assertEqual(json.loads(body)["running"][0]["worker"], 2)

    def test_ping(self) -> None:
        """
        A ping is answered with 200 while the service is ready; with 503 before, and while it
        drains. It tells nothing else, and everybody gets it.
        """
        self.assertEqual(self.ask("/ping", Host="evil.example")[::2], (200, "pong\n"))
        for state in ("starting", "draining"):
            self.service.state = state
            self.assertEqual(self.ask("/ping")[::2], (503, f"{state}\n"))

    def test_metrics(self) -> None:
        """
        OpenMetrics, as their own parser reads them.
        """
        durations = [0] * (len(BUCKETS) + 1)
        durations[0], durations[-1] = 5, 2
        self.service.figures |= {
            "accepted": 7,
            "connections": 3,
            "roles": {"responder": 6, "authorizer": 1, "filter": 0},
            "answers": [1, 0, 4, 0, 2, 0],
            "limits": {"requests": 9},
            "durations": durations,
            "seconds": 12.5,
        }
        self.service.figures["clients"] = {"php": {"open": 5, "retries": 2}}
        _, headers, body = self.ask("/metrics")
        self.assertTrue(headers["Content-Type"].startswith("application/openmetrics-text"))
        found = {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(body)
            for sample in family.samples
        }
        for name, value in (
            (("txfcgi_ready",), 1),
            (("txfcgi_processes", ("state", "ready")), 1),
            (("txfcgi_connections",), 3),
            (("txfcgi_connections_accepted_total",), 7),
            (("txfcgi_requests_total", ("role", "responder")), 6),
            (("txfcgi_responses_total", ("class", "4xx")), 2),
            (("txfcgi_responses_total", ("class", "none")), 1),
            (("txfcgi_limits_reached_total", ("limit", "requests")), 9),
            (("txfcgi_request_duration_seconds_bucket", ("le", "0.001")), 5),
            (("txfcgi_request_duration_seconds_bucket", ("le", "+Inf")), 7),
            (("txfcgi_request_duration_seconds_sum",), 12.5),
            (("txfcgi_client_open", ("client", "php")), 5),
            (("txfcgi_client_retries_total", ("client", "php")), 2),
        ):
            self.assertEqual(found[name], value, name)

    def test_withoutPrometheus(self) -> None:
        """
        Without C{prometheus_client}, what to install is said.
        """
        with patch.dict(sys.modules, {"prometheus_client": None}):
            code, _, body = self.ask("/metrics")
        self.assertEqual(code, 501)
        self.assertIn("pip install txfcgi[metrics]", body)

    def test_strangers(self) -> None:
        """
        On loopback, a Host that is none, and a proxy, get nothing but pings.
        """
        for path in ("/", "/status.json", "/metrics"):
            for headers in (
                {"Host": "evil.example"},
                {"Forwarded": "for=192.0.2.9"},
                {"X_Forwarded_For": "192.0.2.9"},
                {"Via": "1.1 nginx"},
            ):
                code, _, body = self.ask(path, **headers)
                self.assertEqual(code, 403, (path, headers))
                self.assertIn("for this machine only", body)

    def test_elsewhere(self) -> None:
        """
        Where it was said who may connect, on another address or a Unix socket, any Host will do.
        """
        for host, client in ((PUBLIC, PUBLIC), (UNIXAddress(b"/run/s.sock"), UNIXAddress(None))):
            self.assertEqual(self.ask("/", host, client, Host="status.example", Via="1")[0], 200)

    def test_notFound(self) -> None:
        """
        Paths are matched exactly; others are told what there is.
        """
        for path in ("/x", "/ping/", "/status", "//"):
            code, _, body = self.ask(path)
            self.assertEqual(code, 404)
            self.assertIn("/status.json", body)

    def test_body(self) -> None:
        """
        A body is not waited for, and not stored: the answer is there before it.
        """
        site = StreamingSite(StatusResource(self.service.board), reactor=Clock())
        for method, code in ((b"GET", 200), (b"POST", 405)):
            channel: Any = site.buildProtocol(LOOPBACK)
            channel.makeConnection(StringTransport(hostAddress=LOOPBACK, peerAddress=LOOPBACK))
            channel.dataReceived(
                method
                + b" /ping HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n"
            )
            answer: bytes = channel.transport.value()
            self.assertIn(b"HTTP/1.1 %d " % code, answer)
            channel.connectionLost(Failure(ConnectionDone()))


class FormatTests(SynchronousTestCase):
    """
    Figures as people read them.
    """

    def test_durations(self) -> None:
        """
        The larger, the coarser.
        """
        for seconds, shown in (
            (0.0042, "4 ms"),
            (1.25, "1.2 s"),
            (61, "1 min 1 s"),
            (3_661, "1 h 1 min"),
            (200_000, "2 d 7 h"),
        ):
            self.assertEqual(_duration(seconds), shown)

    def test_bytes(self) -> None:
        """
        In powers of 1024.
        """
        for count, shown in ((0, "0 B"), (1_536, "1.5 KiB"), (5 << 40, "5.0 TiB")):
            self.assertEqual(_bytes(count), shown)
