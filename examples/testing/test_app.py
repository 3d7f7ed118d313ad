"""
An app, tested through the real wire in a plain SynchronousTestCase: no sockets, no reactor.

    trial examples/testing/test_app.py
    pytest examples/testing/test_app.py
"""

import json

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from txfcgi import Allow, Deny, Request, Response, Role, roles
from txfcgi.testing import MemoryFrontEnd, MemoryResponse


async def shop(request: Request) -> Response:
    """
    The app that is tested.
    """
    if request.method != "POST":
        return Response(405, {"Allow": "POST"}, b"order something\n")
    order = json.loads(await request.stdin.read())
    if order["pieces"] > 100:
        request.stderr.write(b"a large order\n")
    return Response(201, {"Location": "/orders/7"}, b"thank you\n")


def doorkeeper(request: Request) -> Allow | Deny:
    """
    An Authorizer that lets customers in.
    """
    return Allow({"CUSTOMER": "7"}) if "HTTP_COOKIE" in request.params else Deny()


class ShopTests(SynchronousTestCase):
    """
    The responses of the app.
    """

    def setUp(self) -> None:
        app = roles(responder=shop, authorizer=doorkeeper)
        # With testCase, the test fails if it leaves something behind.
        self.frontEnd = MemoryFrontEnd(app, testCase=self)

    def order(self, pieces: int) -> Deferred[MemoryResponse]:
        """
        Order something.
        """
        return self.frontEnd.post("/orders", json.dumps({"pieces": pieces}).encode())

    def test_order(self) -> None:
        """
        An order is accepted.
        """
        response = self.successResultOf(self.order(3))
        self.assertEqual(response.code, 201)
        self.assertEqual(response.headers.getRawHeaders("location"), ["/orders/7"])
        self.assertEqual(response.body, b"thank you\n")
        self.assertEqual(response.appStatus, 0)

    def test_largeOrder(self) -> None:
        """
        A large order is noted in the web server's error log.
        """
        self.assertEqual(self.successResultOf(self.order(1000)).stderr, b"a large order\n")

    def test_get(self) -> None:
        """
        GET is refused.
        """
        response = self.successResultOf(self.frontEnd.get("/orders", {"Accept": "text/html"}))
        self.assertEqual(response.code, 405)

    def test_door(self) -> None:
        """
        Customers with a cookie come in.
        """
        cookie = {"Cookie": "customer=7"}
        known = self.successResultOf(self.frontEnd.get("/", cookie, role=Role.AUTHORIZER))
        self.assertEqual(known.variables, {"CUSTOMER": "7"})
        unknown = self.successResultOf(self.frontEnd.get("/", role=Role.AUTHORIZER))
        self.assertEqual(unknown.code, 403)

    def test_brokenOrder(self) -> None:
        """
        An exception of the app is logged, and hidden from the browser.
        """
        response = self.successResultOf(self.frontEnd.post("/orders", b"{"))
        self.assertEqual((response.code, response.appStatus), (500, 1))
        self.assertEqual(len(self.flushLoggedErrors(json.JSONDecodeError)), 1)


if __name__ == "__main__":
    raise SystemExit(__doc__)  # how to run these
