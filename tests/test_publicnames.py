"""
Each public name is shown where a reader looks for it: in the documentation or in an example.
"""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

import txfcgi
from txfcgi import FastCGIServerFactory, Limits, Request, Response, SCGIClient, cgiParams, errors
from txfcgi.server.observing import IServerObserver
from txfcgi.testing import MemoryBackEnd, MemoryFrontEnd, answers
from txfcgi.web import StreamingSite
from txfcgi.wire.fastcgiclient import ClientConnection

from .folders import folderFor
from .test_docs import blocksOfPython

CHECKOUT = Path(__file__).parent.parent
DOCS = CHECKOUT / "docs"
# What users import from. txfcgi.streams is a part of the house; txfcgi has its two public names.
PUBLIC = ("txfcgi", "txfcgi.client", "txfcgi.errors", "txfcgi.testing", "txfcgi.web")


def codeOf(page: Path) -> str:
    """
    What a page shows as code: within double backquotes, and in its blocks of Python.
    """
    return "\n".join([*re.findall(r"``([^`]+)``", page.read_text("utf-8")), *blocksOfPython(page)])


def namesIn(program: Path) -> set[str]:
    """
    The names that a program imports and then uses.
    """
    tree = ast.parse(program.read_text("utf-8"))
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("txfcgi")
        for alias in node.names
    }
    return imported & {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def shown() -> set[str]:
    """
    All words of code in the README and the documentation, and the names that examples use.
    """
    pages = (CHECKOUT / "README.rst", *DOCS.glob("*.rst"), *(DOCS / "deploy").glob("*.rst"))
    words = set(re.findall(r"\w+", "\n".join(map(codeOf, pages))))
    for program in (CHECKOUT / "examples").rglob("*.py"):
        words |= namesIn(program)
    return words


SHOWN = shown()


@pytest.mark.parametrize("name", PUBLIC)
def test_isShown(name: str) -> None:
    """
    Each name in C{__all__} is in the documentation, or used by an example.
    """
    assert sorted(set(importlib.import_module(name).__all__) - SHOWN) == []


@pytest.mark.parametrize(
    "page", sorted(DOCS.glob("*.rst")), ids=lambda page: str(page.relative_to(CHECKOUT))
)
def test_importsWhatItUses(page: Path) -> None:
    """
    A program on a page that imports from txfcgi imports all that it uses of it.
    """
    for block in blocksOfPython(page):
        tree = ast.parse(block)
        known = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        if known & set(txfcgi.__all__):
            used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            assert sorted(used & set(txfcgi.__all__) - known) == [], block


def test_statusesOfErrors() -> None:
    """
    The page about errors says the status that each error has.
    """
    text = (DOCS / "errors.rst").read_text("utf-8")
    rows = re.findall(r"^   \* - (``.*``)\n     - .*\n(?:       .*\n)*     - (\d.*)$", text, re.M)
    assert len(rows) > 8
    for names, statuses in rows:
        classes = [getattr(errors, name) for name in re.findall(r"\w+", names)]
        said = [int(status) for status in statuses.split(", ")]
        if classes == [errors.TimedOut]:
            assert classes[0].code == said[0]
        else:
            assert {each.code for each in classes} == set(said), names


def blockOf(page: Path | str, contains: str) -> dict[str, Any]:
    """
    Run the block of Python of a page that has a certain text.

    @return: The names that it makes.
    """
    (block,) = (block for block in blocksOfPython(CHECKOUT / page) if contains in block)
    names: dict[str, Any] = {}
    exec(block, names)
    return names


class PageTests(SynchronousTestCase):
    """
    Programs on the pages do what is said beside them.
    """

    def result(self, coroutine: Any) -> Any:
        """
        What a coroutine returns at once.
        """
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def test_hello(self) -> None:
        """
        The README and C{docs/quickstart.rst}: the first app answers with the line that they show.
        """
        for page in (CHECKOUT / "README.rst", DOCS / "quickstart.rst"):
            app = blockOf(page.relative_to(CHECKOUT), "len(body)")["app"]
            browser = MemoryFrontEnd(app, server="nginx", testCase=self).browser()
            text = browser.post("/some/path", b"four", params={"REMOTE_ADDR": "127.0.0.1"}).text
            self.assertEqual(text, "POST /some/path: 4 bytes from 127.0.0.1\n")
            self.assertIn(f"    {text}", page.read_text("utf-8"))

    def test_errors(self) -> None:
        """
        C{docs/errors.rst}: a back end that fails and a mistake of the program are two cases.
        """
        page = blockOf("docs/errors.rst", "async def page(")["page"]
        backEnd = MemoryBackEnd({"/page": "Hello", "/lost": answers.lost()})
        self.addCleanup(backEnd.close)
        client = backEnd.client()
        self.assertEqual(self.result(page(client, cgiParams("GET", "/page"))), (200, "Hello"))
        code, said = self.result(page(client, cgiParams("GET", "/lost")))
        self.assertEqual(code, 502)
        self.assertRegex(said, r"^\w+, may have run: True$")
        code, said = self.result(page(client, {"REQUEST_METHOD": 7}))
        self.assertEqual(code, 500)
        self.assertIn("REQUEST_METHOD", said)

    def test_bytesOfSCGI(self) -> None:
        """
        C{docs/scgi.rst}: a subclass of SCGIClientProtocol sees the bytes of each response.
        """
        names = blockOf("docs/scgi.rst", "class Shown(")
        printed: list[Any] = []
        names["print"] = lambda *words: printed.append(words[-1])
        backEnd = MemoryBackEnd("Hello", protocol="scgi")
        client: SCGIClient = names["ShownClient"](backEnd.clock, backEnd)
        asked = client.request(cgiParams("GET", "/"))
        backEnd.pump()
        text = self.successResultOf(self.successResultOf(asked).text())
        self.assertEqual(text, "Hello")
        self.assertIn(b"Hello", b"".join(map(bytes, printed)))
        self.successResultOf(client.close())
        backEnd.close()

    def test_form(self) -> None:
        """
        C{docs/apps.rst}: a form is checked before it is used.
        """
        app = blockOf("docs/apps.rst", "def missingFrom(form: Form)")["app"]
        browser = MemoryFrontEnd(app, testCase=self).browser()
        photo = {"photo": ("me.png", b"12345", "image/png")}
        response = browser.post("/", form={"title": "Me"}, files=photo)
        self.assertEqual(response.json(), {"title": "Me", "bytes": 5})
        self.assertEqual(browser.post("/", files=photo).json(), {"error": "the title is missing"})
        self.assertEqual(browser.post("/", form={"title": "Me"}).code, 400)

    def test_table(self) -> None:
        """
        C{docs/apps.rst}: an app that writes its own response waits for the web server.
        """
        app = blockOf("docs/apps.rst", "async def writeTable(")["app"]
        frontEnd = MemoryFrontEnd(app, testCase=self)
        asked = frontEnd.get("/")
        frontEnd.clock.advance(0)  # so much gives other requests their turn
        response = self.successResultOf(asked)
        self.assertEqual(response.header("content-type"), "text/csv")
        self.assertTrue(response.body.endswith(b"\r\n100000,10000000000\r\n"))

    def test_save(self) -> None:
        """
        C{docs/client.rst}: a response is saved piece by piece.
        """
        save = blockOf("docs/client.rst", "async def save(")["save"]
        backEnd = MemoryBackEnd("Hello")
        response = self.successResultOf(backEnd.client().request(cgiParams("GET", "/")))
        path = folderFor(self) / "saved"
        self.assertEqual(self.result(save(response, str(path))), 0)
        self.assertEqual(path.read_text("utf-8"), "Hello")
        backEnd.close()

    def test_patient(self) -> None:
        """
        C{docs/client.rst}: a client waits for a back end that refuses connections for a while.
        """
        make = blockOf("docs/client.rst", "def patientClient(")["patientClient"]
        backEnd = MemoryBackEnd("Hello")
        backEnd.refuses = True
        client = make(backEnd.clock, backEnd)
        asked = client.request(cgiParams("GET", "/"))
        backEnd.pump()
        self.assertNoResult(asked)
        backEnd.refuses = False
        backEnd.clock.advance(0.5)
        backEnd.pump()
        text = self.successResultOf(asked).text()
        self.assertEqual(self.successResultOf(text), "Hello")
        closed = client.close()
        backEnd.pump()
        self.successResultOf(closed)
        backEnd.close()

    def test_files(self) -> None:
        """
        C{docs/apps.rst}: files are found by the path, behind an nginx that sends no PATH_INFO.
        """
        names = blockOf("docs/apps.rst", "BY_NGINX = ")
        folder = folderFor(self)
        (folder / "a file.txt").write_text("Hello")
        response: Any = names["Response"]

        class InFolder(response):
            @classmethod
            def file(cls, path: str, root: str, sendFile: object) -> Response:
                assert (root, sendFile) == ("/srv/files", names["BY_NGINX"])
                return Response.file(path, root=str(folder), sendFile=None)

        names["Response"] = InFolder
        browser = MemoryFrontEnd(names["app"], server="nginx", testCase=self).browser()
        classic = {"SCRIPT_NAME": "/a file.txt", "PATH_INFO": ""}  # nginx's fastcgi_params
        self.assertEqual(browser.get("/a%20file.txt").text, "Hello")
        self.assertEqual(browser.get("/a%20file.txt", params=classic).text, "Hello")
        self.assertEqual(browser.get("/missing").code, 404)

    def test_allowed(self) -> None:
        """
        C{docs/quickstart.rst}: peers that are not in the list are not served.
        """
        (block,) = (
            each for each in blocksOfPython(DOCS / "quickstart.rst") if "AllowList.from" in each
        )
        names: dict[str, Any] = {"app": lambda request: None}
        exec(block.replace("from hello import app", ""), names)
        build = names["factory"].buildProtocol
        self.assertIsNone(build(IPv4Address("TCP", "192.0.2.8", 4000)))
        self.assertIsNotNone(build(IPv4Address("TCP", "10.1.2.3", 4000)))

    def test_observers(self) -> None:
        """
        C{docs/observers.rst}: the class of an observer, and every method that one can have.
        """
        observer = blockOf("docs/observers.rst", "class Slowest(")["Slowest"]()
        clock = Clock()

        def app(request: Request) -> Response:
            clock.advance(2)
            return Response(200, {}, b"Hello")

        factory = FastCGIServerFactory(
            app, Limits(paramsCount=40), observers=[observer], clock=clock
        )
        front = MemoryFrontEnd(factory, testCase=self)
        self.successResultOf(front.get("/slow"))
        self.assertEqual((observer.seconds, observer.target), (2, "GET /slow"))
        more = {f"HTTP_{number}": "" for number in range(40)}
        self.assertEqual(self.successResultOf(front.get("/", params=more)).code, 431)
        self.assertEqual(observer.limits, ["paramsCount"])
        text = (DOCS / "observers.rst").read_text("utf-8")
        said = dict(re.findall(r"^   \* - ``(\w+)\((.*)\)``$", text, re.MULTILINE))
        hooks = {
            name: ", ".join(IServerObserver[name].positional)
            for name in IServerObserver.names()
            if name != "tracksRequests"
        }
        self.assertEqual(said, hooks)

    def test_watched(self) -> None:
        """
        C{docs/observers.rst}: a program writes an access log, and shows its status page.
        """
        names = blockOf("docs/observers.rst", "def watched(")
        reactor = MemoryReactorClock()
        path = folderFor(self) / "access.log"
        factory, site = names["watched"](reactor, lambda request: Response(), str(path))
        self.successResultOf(MemoryFrontEnd(factory, testCase=self).get("/page?token=1"))
        here = IPv4Address("TCP", "127.0.0.1", 9100)
        transport = StringTransport(here, here)
        protocol = site.buildProtocol(here)
        protocol.makeConnection(transport)
        protocol.dataReceived(b"GET /status.json HTTP/1.1\r\nHost: localhost:9100\r\n\r\n")
        head, _, body = transport.value().partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 200 "), head)
        self.assertIn('"requests": 1', body.decode())
        protocol.connectionLost(Failure(ConnectionDone()))
        for function, arguments, options in reactor.triggers["after"]["shutdown"]:
            function(*arguments, **options)
        self.assertRegex(path.read_text("utf-8"), r'"GET /page\?token=\*\*\* HTTP/1.1" 200 ')

    def test_wire(self) -> None:
        """
        C{docs/specifications.rst}: a connection without Twisted answers, and is over after its last
        answer and after a mistake of its peer.
        """
        names = blockOf("docs/specifications.rst", "def isOver(")
        printed: list[Any] = []
        names["print"] = printed.append
        receive, isOver, make = (names[name] for name in ("receive", "isOver", "ServerConnection"))
        connection = make()
        self.assertEqual(receive(connection, b"GET / HTTP/1.1\r\n\r\n"), b"")
        self.assertIn("HTTP", str(printed))
        self.assertTrue(isOver(connection))
        connection = make()
        _, question = ClientConnection().request({"REQUEST_METHOD": "GET"})
        self.assertIn(b"GET", receive(connection, question))
        self.assertFalse(isOver(connection))

    def test_connection(self) -> None:
        """
        C{docs/client.rst}: a connection of one's own asks for values.
        """
        values = blockOf("docs/client.rst", "async def values(")["values"]
        backEnd = MemoryBackEnd("Hello")
        asked = Deferred.fromCoroutine(values(backEnd.clock, backEnd))
        backEnd.pump()
        self.assertEqual(self.successResultOf(asked)["FCGI_MPXS_CONNS"], "1")
        backEnd.close()

    def test_dictionaries(self) -> None:
        """
        C{docs/gateway.rst}: a function asks a back end with dictionaries.
        """
        ask = blockOf("docs/gateway.rst", "async def ask(")["ask"]
        backEnd = MemoryBackEnd("Hello")
        response = self.result(ask(backEnd.client(), "/page"))
        self.assertEqual((response["code"], response["body"]), (200, b"Hello"))
        self.assertEqual(backEnd.calls[0].params["REQUEST_URI"], "/page")
        backEnd.close()

    def test_gatewayOfSCGI(self) -> None:
        """
        C{docs/gateway.rst}: a resource and an Agent for an SCGI back end.
        """
        backEnd = MemoryBackEnd("Hello", protocol="scgi")
        make = blockOf("docs/gateway.rst", "GatewayAgent(client)")["make"]
        site, agent, client = make(backEnd.clock, backEnd)
        self.assertIsInstance(site, StreamingSite)
        asked = agent.request(b"GET", b"http://app/page")
        backEnd.pump()
        content = self.successResultOf(self.successResultOf(asked).content())
        self.assertEqual(content, b"Hello")
        self.successResultOf(client.close())
        backEnd.close()
