"""
Code that calls a back end, tested with a back end in memory, its answers and its faults.

    trial examples/testing/test_client.py
    pytest examples/testing/test_client.py
"""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from txfcgi import cgiParams
from txfcgi.client.client import Client
from txfcgi.errors import NoResponse, RequestRefused, ResponseCutOff
from txfcgi.testing import Called, MemoryBackEnd, answers


def title(client: Client, page: str) -> Deferred[str]:
    """
    The code that is tested: the first line of a page.
    """
    return Deferred.fromCoroutine(_title(client, page))


async def _title(client: Client, page: str) -> str:
    response = await client.request(cgiParams("GET", page))
    text = await response.text()
    return text.partition("\n")[0] if response.code == 200 else f"({response.code})"


class TitleTests(SynchronousTestCase):
    """
    Answers and faults of a back end.
    """

    def test_answers(self) -> None:
        """
        Answers by path; an unknown path is a 404.
        """
        backEnd = MemoryBackEnd({"/a": "Title\nText\n"}, testCase=self)
        client = backEnd.client()
        asked = self.successResultOf
        self.assertEqual(asked(title(client, "/a")), "Title")
        self.assertEqual(asked(title(client, "/b")), "(404)")
        self.assertEqual([str(called) for called in backEnd.calls], ["GET /a", "GET /b"])
        self.assertEqual(backEnd.connections, 1)

    def test_computed(self) -> None:
        """
        A function makes the answers.
        """

        def respond(called: Called) -> str:
            return f"{called.params['REQUEST_URI']} on {called.connection}"

        backEnd = MemoryBackEnd(respond, testCase=self)
        self.assertEqual(self.successResultOf(title(backEnd.client(), "/a")), "/a on 0")

    def test_stale(self) -> None:
        """
        A kept connection that has closed does not fail the next request.
        """
        backEnd = MemoryBackEnd(["first", answers.stale("never"), "third"], testCase=self)
        client = backEnd.client()
        titles = [self.successResultOf(title(client, "/")) for _ in range(2)]
        self.assertEqual(titles, ["first", "third"])
        self.assertEqual(backEnd.connections, 2)

    def test_faults(self) -> None:
        """
        Each fault, and its error.
        """
        for fault, kind in (
            (answers.lost(), NoResponse),
            (answers.lost("a long page", after=100), ResponseCutOff),
            (answers.overloaded(), RequestRefused),
        ):
            with MemoryBackEnd(fault) as backEnd:
                self.failureResultOf(title(backEnd.client(), "/"), kind)

    def test_slow(self) -> None:
        """
        An answer that takes ten seconds of the back end's clock.
        """
        backEnd = MemoryBackEnd(answers.slow("Title", delay=10, every=0), testCase=self)
        asked = title(backEnd.client(), "/")
        backEnd.clock.advance(9)
        self.assertNoResult(asked)
        backEnd.clock.advance(1)
        self.assertEqual(self.successResultOf(asked), "Title")


if __name__ == "__main__":
    raise SystemExit(__doc__)  # how to run these
