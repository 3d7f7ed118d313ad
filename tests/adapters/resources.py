"""
What the tests of twisted.web resources share.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from txfcgi import FastCGIServerFactory, Limits, SCGIServerFactory
from txfcgi.adapters.resource import ResourceApp
from txfcgi.testing import MemoryFrontEnd, MemoryResponse


class Leaf(Resource):
    """
    A resource that answers with what a function says.
    """

    isLeaf = True

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        super().__init__()
        self._answer = answer

    def render(self, request: Any) -> Any:
        return self._answer(request)


class ResourceTestCase(SynchronousTestCase):
    """
    A test of resources.
    """

    protocol: ClassVar[Any] = "fastcgi"

    def frontEnd(
        self,
        resource: Any,
        server: Any = "nginx",
        mount: str | None = None,
        limits: Limits | None = None,
        **options: Any,
    ) -> MemoryFrontEnd:
        """
        A web server in front of a resource.
        """
        factory = FastCGIServerFactory if self.protocol == "fastcgi" else SCGIServerFactory
        clock: Any = Clock()
        served = factory(ResourceApp(resource, **options), limits, clock=clock, mount=mount)
        return MemoryFrontEnd(served, self.protocol, server, testCase=self)

    def get(self, resource: Any, uri: str = "/", **options: Any) -> MemoryResponse:
        """
        What a resource answers.
        """
        own = {name: options.pop(name) for name in ("mount", "server") if name in options}
        return self.successResultOf(self.frontEnd(resource, **own).get(uri, **options))

    def seen(self, look: Callable[[Any], Any], uri: str = "/", **options: Any) -> Any:
        """
        What a function finds in a request of twisted.web.
        """
        found: list[Any] = []

        def answer(request: Any) -> bytes:
            found.append(look(request))
            return b"seen"

        response = self.get(Leaf(answer), uri, **options)
        self.assertEqual((response.code, response.body), (200, b"seen"))
        return found[0]
