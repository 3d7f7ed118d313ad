"""
ASGI applications in memory, under each of what runs tests: the examples in
C{examples/testing_asgi}, and what a test finds where the asyncio reactor is not running yet. The
example for pytest-asyncio is a part of a session of C{noxfile.py}.
"""

from __future__ import annotations

import re
from pathlib import Path

from .test_examples import CHECKOUT, run
from .test_fixtures import outcome

FOLDER = CHECKOUT / "examples" / "testing_asgi"


def test_trial(tmp_path: Path) -> None:
    """
    Trial, with the asyncio reactor.
    """
    trial = ("twisted.trial", "--reactor=asyncio")
    assert "successes=1" in run(tmp_path, *trial, str(FOLDER / "test_asgi_trial.py"))


def test_pytest(tmp_path: Path) -> None:
    """
    pytest alone.
    """
    options = ("-q", "-p", "no:cacheprovider", "-p", "no:twisted")
    assert "1 passed" in run(tmp_path, "pytest", *options, str(FOLDER))


def test_pytestTwisted(tmp_path: Path) -> None:
    """
    pytest-twisted, with the asyncio reactor.
    """
    options = ("-q", "-p", "no:cacheprovider", "--reactor=asyncio")
    assert "1 passed" in run(tmp_path, "pytest", *options, str(FOLDER))


def test_pageShowsAll() -> None:
    """
    The page about ASGI includes each example.
    """
    text = (CHECKOUT / "docs" / "asgi.rst").read_text("utf-8")
    shown = re.findall(r"^\.\. literalinclude:: \.\./examples/testing_asgi/(\S+)$", text, re.M)
    assert sorted(shown) == sorted(path.name for path in FOLDER.glob("test_*.py"))


SOCKETS = """
    from twisted.internet import asyncioreactor
    asyncioreactor.install()
    from txfcgi.adapters.asgi import ASGIApp

    async def site(scope, receive, send):
        if scope["type"] == "lifespan":
            while True:
                event = (await receive())["type"]
                did.append(event)
                await send({"type": event + ".complete"})
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    did = []

    def test_it(fcgi_server, fcgi_client):
        server = fcgi_server(ASGIApp(site))
        fcgi_server.wait(server.started)
        response = fcgi_client.wait(fcgi_client(server).request(cgiParams("GET", "/")))
        assert fcgi_client.wait(response.text()) == "hello"

    def test_stopped():
        assert did == ["lifespan.startup", "lifespan.shutdown"]

    def test_notStarted(memory_front_end):
        frontEnd = memory_front_end(ASGIApp(site))
        with pytest.raises(RuntimeError, match="installed, but not running yet: await .started"):
            frontEnd.get("/")

    def test_cantStart(memory_front_end):
        async def broken(scope, receive, send):
            await receive()
            await send({"type": "lifespan.startup.failed", "message": "no database"})

        frontEnd = memory_front_end(ASGIApp(broken))
        with pytest.raises(Exception, match="no database"):
            memory_front_end.wait(frontEnd.started)
"""


def test_socketsWithoutPlugin(tmp_path: Path) -> None:
    """
    In plain functions, an application starts when the asyncio reactor first runs, and stops when it
    runs for the last time; one that never started is nothing to end.
    """
    said = outcome(tmp_path, SOCKETS, "-p", "no:twisted")
    assert "4 passed" in said, said


SLOW = """
    import asyncio, pytest_twisted

    async def slow(request):
        await asyncio.sleep(0)
        return Response(200, {}, b"late")

    @pytest_twisted.ensureDeferred
    async def test_it(memory_front_end):
        frontEnd = memory_front_end(slow)
        for _ in range(3):
            assert (await frontEnd.get("/")).text == "late"
"""


def test_slowAppUnderPytestTwisted(tmp_path: Path) -> None:
    """
    A test awaits an app that awaits asyncio's own objects, again and again.
    """
    said = outcome(tmp_path, SLOW, "--reactor=asyncio")
    assert "1 passed" in said, said
