"""
Tests of L{txfcgi.adapters.webchannel}: what twisted.web answers.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.web.resource import EncodingResourceWrapper, Resource
from twisted.web.server import NOT_DONE_YET, GzipEncoderFactory
from twisted.web.static import Data
from zope.interface import implementer

from txfcgi.errors import InvalidResponse, RequestAborted, ResponseCutOff

from .resources import Leaf, ResourceTestCase


def root(resource: Resource) -> Resource:
    """
    A resource as the first page of a site.
    """
    made = Resource()
    made.putChild(b"", resource)
    return made


class AnswerTests(ResourceTestCase):
    """
    Answers.
    """

    def test_bytes(self) -> None:
        """
        What a resource returns is the answer, with its length.
        """

        def answer(request: Any) -> bytes:
            request.setResponseCode(404)
            request.setHeader("x-a", "b")
            request.responseHeaders.setRawHeaders("x-c", ["d", "e"])
            request.addCookie("c", "d")
            return b"body"

        response = self.get(Leaf(answer))
        self.assertEqual((response.code, response.body), (404, b"body"))
        headers = response.headers
        self.assertEqual(headers.getRawHeaders("x-a"), ["b"])
        self.assertEqual(headers.getRawHeaders("x-c"), ["d", "e"])
        self.assertEqual(headers.getRawHeaders("content-length"), ["4"])
        self.assertEqual(headers.getRawHeaders("content-type"), ["text/html"])
        self.assertEqual(headers.getRawHeaders("set-cookie"), ["c=d"])

    def test_reason(self) -> None:
        """
        A reason of the resource's own is passed on.
        """

        def answer(request: Any) -> bytes:
            request.setResponseCode(418, b"Short and stout")
            return b"tea"

        response = self.get(Leaf(answer))
        self.assertEqual((response.code, response.body), (418, b"tea"))
        assert response.head is not None
        self.assertEqual(response.head.reason, b"Short and stout")

    def test_head(self) -> None:
        """
        HEAD gets the head of GET.
        """
        for resource in (root(Data(b"body", "text/plain")), Leaf(lambda request: b"body")):
            response = self.successResultOf(self.frontEnd(resource).request("HEAD"))
            self.assertEqual((response.code, response.body), (200, b""))
            self.assertEqual(response.headers.getRawHeaders("content-length"), ["4"])

    def test_notAllowed(self) -> None:
        """
        A method that a resource does not have is refused as twisted.web does it.
        """
        response = self.successResultOf(
            self.frontEnd(root(Data(b"", "a/b"))).request("POST", body=b"")
        )
        self.assertEqual(response.code, 405)
        self.assertEqual(response.headers.getRawHeaders("allow"), ["HEAD, GET"])

    def test_large(self) -> None:
        """
        Large answers, in one piece or many.
        """
        body = b"0123456789abcdef" * 200_000

        def pieces(request: Any) -> Any:
            for start in range(0, len(body), 100_000):
                request.write(body[start : start + 100_000])
            request.finish()
            return NOT_DONE_YET

        for answer in (lambda request: body, pieces):
            frontEnd = self.frontEnd(Leaf(answer))
            response = frontEnd.get()
            while not response.called:
                frontEnd.clock.advance(0)
            self.assertEqual(self.successResultOf(response).body, body)

    def test_written(self) -> None:
        """
        An answer may be written at once.
        """

        def answer(request: Any) -> Any:
            request.write(b"one")
            request.write(b"two")
            request.finish()
            return NOT_DONE_YET

        response = self.get(Leaf(answer))
        self.assertEqual(response.body, b"onetwo")
        self.assertFalse(response.headers.hasHeader("transfer-encoding"))

    def test_empty(self) -> None:
        """
        An answer may have no body.
        """

        def answer(request: Any) -> Any:
            request.setResponseCode(204)
            request.finish()
            return NOT_DONE_YET

        response = self.get(Leaf(answer))
        self.assertEqual((response.code, response.body), (204, b""))

    def test_fails(self) -> None:
        """
        A resource that raises is twisted.web's own 500.
        """
        response = self.get(Leaf(lambda request: [][0]))
        self.assertEqual(response.code, 500)
        self.assertIn(b"Processing Failed", response.body)
        self.assertEqual(len(self.flushLoggedErrors(IndexError)), 1)

    def test_compressed(self) -> None:
        """
        Encoders of twisted.web work.
        """
        resource = EncodingResourceWrapper(
            Leaf(lambda request: b"body" * 100), [GzipEncoderFactory()]
        )
        response = self.get(resource, headers={"Accept-Encoding": "gzip"})
        self.assertEqual(response.headers.getRawHeaders("content-encoding"), ["gzip"])
        self.assertEqual(response.body[:2], b"\x1f\x8b")


class LaterTests(ResourceTestCase):
    """
    Answers that come later (C{NOT_DONE_YET}).
    """

    def later(self, **options: Any) -> tuple[Any, Any, Any]:
        """
        Begin a request.

        @return: The front end, the request of twisted.web, and what is under way.
        """
        kept: list[Any] = []

        def answer(request: Any) -> Any:
            kept.append(request)
            return NOT_DONE_YET

        frontEnd = self.frontEnd(Leaf(answer), server="plain")
        exchange = frontEnd.start("GET", length=0, **options)
        return frontEnd, kept[0], exchange

    def test_whole(self) -> None:
        """
        One that has its length leaves in one piece.
        """
        frontEnd, request, exchange = self.later()
        request.setHeader("content-length", b"4")
        request.write(b"body")
        request.finish()
        frontEnd.pump()
        response = self.successResultOf(exchange.response)
        self.assertEqual(response.body, b"body")
        self.assertEqual(response.headers.getRawHeaders("content-length"), ["4"])

    def test_pieces(self) -> None:
        """
        One that comes in pieces leaves in pieces, and the head with the first, or before it.
        """
        frontEnd, request, exchange = self.later()
        request.write(b"")
        frontEnd.pump()
        self.assertIn(b"Status: 200", exchange.stdout)
        request.write(b"one")
        frontEnd.pump()
        self.assertTrue(exchange.stdout.endswith(b"one"))
        request.write(b"two")
        request.finish()
        frontEnd.pump()
        self.assertEqual(self.successResultOf(exchange.response).body, b"onetwo")

    def test_badStatus(self) -> None:
        """
        A reason with the end of a line in it would add headers, and no response has a status of
        other than three digits: at once and later, the request fails, and the log says why.
        """
        for code, reason, said in (
            (404, b"No\r\nX-Evil: 1", "the reason of the status 404 has a control character"),
            (99, b"Low", "99 is not the status of a final response"),
            (1000, None, "1000 is not the status of a final response"),
        ):

            def answer(request: Any, code: int = code, reason: bytes | None = reason) -> bytes:
                request.setResponseCode(code, reason)
                return b"body"

            first = self.get(Leaf(answer))
            frontEnd, request, exchange = self.later()
            answer(request)
            request.write(b"bo")
            request.write(b"dy")
            frontEnd.pump()
            for response in (first, self.successResultOf(exchange.response)):
                self.assertEqual(response.code, 500)
                self.assertFalse(response.headers.hasHeader("x-evil"))
            failures = self.flushLoggedErrors(InvalidResponse)
            self.assertEqual(len(failures), 2)
            for failure in failures:
                self.assertIn(said, failure.getErrorMessage())

    def test_begunAtOnce(self) -> None:
        """
        What is written while the resource renders leaves then.
        """
        kept: list[Any] = []

        def answer(request: Any) -> Any:
            request.write(b"one")
            kept.append(request)
            return NOT_DONE_YET

        frontEnd = self.frontEnd(Leaf(answer), server="plain")
        exchange = frontEnd.start("GET", length=0)
        self.assertTrue(exchange.stdout.endswith(b"one"))
        kept[0].finish()
        frontEnd.pump()
        self.assertEqual(self.successResultOf(exchange.response).body, b"one")

    def test_notifyFinish(self) -> None:
        """
        C{notifyFinish} fires at the end.
        """
        frontEnd, request, exchange = self.later()
        finished = request.notifyFinish()
        request.write(b"body")
        self.assertNoResult(finished)
        request.finish()
        self.assertIsNone(self.successResultOf(finished))
        frontEnd.pump()
        self.successResultOf(exchange.response)

    def test_gone(self) -> None:
        """
        It fails when the browser goes away, and what is written then is dropped.
        """
        frontEnd, request, exchange = self.later()
        finished = request.notifyFinish()
        exchange.leave()
        frontEnd.pump()
        self.failureResultOf(exchange.response, RequestAborted)
        self.failureResultOf(finished, ConnectionLost)
        request.write(b"late")
        self.assertRaises(RuntimeError, request.finish)

    def test_goneWhileWriting(self) -> None:
        """
        The same in the middle of an answer.
        """
        frontEnd, request, exchange = self.later()
        finished = request.notifyFinish()
        request.write(b"one")
        frontEnd.pump()
        exchange.leave()
        frontEnd.pump()
        self.failureResultOf(exchange.response, RequestAborted)
        self.failureResultOf(finished, ConnectionLost)
        request.write(b"two")

    def test_loseConnection(self) -> None:
        """
        An answer that the resource breaks off does not look complete.
        """
        frontEnd, request, exchange = self.later()
        finished = request.notifyFinish()
        request.write(b"one")
        request.loseConnection()
        frontEnd.pump()
        self.failureResultOf(exchange.response, ResponseCutOff)
        self.failureResultOf(finished, ConnectionLost)
        self.assertEqual(len(self.flushLoggedErrors(RequestAborted)), 1)

    def test_loseConnectionAtOnce(self) -> None:
        """
        Broken off before anything is out, it is a 500.
        """
        response = self.get(Leaf(lambda request: request.loseConnection() or NOT_DONE_YET))
        self.assertEqual(response.code, 500)
        self.assertEqual(len(self.flushLoggedErrors(RequestAborted)), 1)


@implementer(IPushProducer, IPullProducer)
class Producer:
    """
    A producer that notes what it is told.
    """

    def __init__(self, request: Any, pieces: int = 3) -> None:
        self.told: list[str] = []
        self._request = request
        self._pieces = pieces

    def resumeProducing(self) -> None:
        self.told.append("resume")
        if self._pieces:
            self._pieces -= 1
            self._request.write(b"x" * 50_000)
        else:
            self._request.unregisterProducer()
            self._request.finish()

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def stopProducing(self) -> None:
        self.told.append("stop")


class ProducerTests(ResourceTestCase):
    """
    Producers.
    """

    def test_pull(self) -> None:
        """
        A pull producer is asked as long as there is room, and then when there is room again.
        """
        producers: list[Producer] = []

        def answer(request: Any) -> Any:
            producers.append(Producer(request))
            request.registerProducer(producers[0], False)
            return NOT_DONE_YET

        frontEnd = self.frontEnd(Leaf(answer), server="plain")
        exchange = frontEnd.start("GET", length=0, readRate=0)
        (producer,) = producers
        asked = len(producer.told)
        self.assertLess(asked, 4)
        exchange.read(1_000_000)
        self.assertEqual(producer.told, ["resume"] * 4)
        self.assertEqual(self.successResultOf(exchange.response).body, b"x" * 150_000)

    def test_push(self) -> None:
        """
        A push producer is paused and resumed.
        """
        producers: list[Producer] = []

        def answer(request: Any) -> Any:
            producer = Producer(request, 2)
            producers.append(producer)
            request.registerProducer(producer, True)
            producer.resumeProducing()
            producer.resumeProducing()
            return NOT_DONE_YET

        frontEnd = self.frontEnd(Leaf(answer), server="plain")
        exchange = frontEnd.start("GET", length=0, readRate=0)
        (producer,) = producers
        self.assertIn("pause", producer.told)
        exchange.read(1_000_000)
        self.assertEqual(producer.told[-1], "resume")
        self.assertEqual(self.successResultOf(exchange.response).body, b"x" * 100_000)

    def test_gone(self) -> None:
        """
        A producer is stopped when the browser goes away.
        """
        producers: list[Producer] = []

        def answer(request: Any) -> Any:
            producers.append(Producer(request, 1_000))
            request.registerProducer(producers[0], False)
            return NOT_DONE_YET

        frontEnd = self.frontEnd(Leaf(answer), server="plain")
        exchange = frontEnd.start("GET", length=0, readRate=0)
        exchange.leave()
        frontEnd.pump()
        self.failureResultOf(exchange.response, RequestAborted)
        self.assertEqual(producers[0].told[-1], "stop")


class SCGIAnswerTests(AnswerTests):
    """
    The same over SCGI.
    """

    protocol = "scgi"


class SCGILaterTests(LaterTests):
    """
    The same over SCGI.
    """

    protocol = "scgi"


class SCGIProducerTests(ProducerTests):
    """
    The same over SCGI.
    """

    protocol = "scgi"
