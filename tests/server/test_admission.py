"""
Tests of L{txfcgi.server.admission}.
"""

from twisted.internet.address import HostnameAddress, IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from txfcgi.server.admission import AllowList, BadAllowList, isPublic, numericAddress, peerCheck


def ip(host: str) -> IPv4Address | IPv6Address:
    """
    The address of a peer.
    """
    return (IPv6Address if ":" in host else IPv4Address)("TCP", host, 4711)


class AllowListTests(SynchronousTestCase):
    """
    Tests of L{AllowList}.
    """

    def test_singleAddresses(self) -> None:
        """
        Each address of the list is allowed, and no other. Spaces mean nothing.
        """
        allowed = AllowList.fromText(" 192.0.2.7 ,2001:db8::1,\t127.0.0.1 ")
        for host in ("192.0.2.7", "2001:db8::1", "127.0.0.1"):
            self.assertTrue(allowed(ip(host)), host)
        for host in ("192.0.2.8", "2001:db8::2", "::1"):
            self.assertFalse(allowed(ip(host)), host)

    def test_networks(self) -> None:
        """
        A network in CIDR notation allows what is in it, of either family.
        """
        allowed = AllowList.fromText("10.0.0.0/8,2001:db8::/32")
        self.assertTrue(allowed(ip("10.255.0.1")))
        self.assertTrue(allowed(ip("2001:db8:ffff::1")))
        self.assertFalse(allowed(ip("11.0.0.1")))
        self.assertFalse(allowed(ip("2001:db9::1")))

    def test_mappedAddress(self) -> None:
        """
        An IPv4 peer of an IPv6 socket is the IPv4 peer that it is.
        """
        self.assertTrue(AllowList.fromText("192.0.2.0/24")(ip("::ffff:192.0.2.7")))
        self.assertFalse(AllowList.fromText("192.0.2.0/24")(ip("::ffff:192.0.3.7")))

    def test_zone(self) -> None:
        """
        The zone of a link-local address plays no part.
        """
        self.assertTrue(AllowList.fromText("fe80::/64")(ip("fe80::1%eth0")))

    def test_peersWithoutAddress(self) -> None:
        """
        A peer on a Unix socket is none of its concern. One whose address is not numeric, or of
        another kind, is refused, whatever is in the list (section 3.2).
        """
        allowed = AllowList.fromText("0.0.0.0/0,::/0")
        self.assertTrue(allowed(UNIXAddress(b"/run/app.sock")))
        self.assertTrue(allowed(UNIXAddress(None)))
        self.assertFalse(allowed(HostnameAddress(b"localhost", 1)))
        self.assertFalse(allowed(IPv4Address("TCP", "localhost", 1)))

    def test_mistakes(self) -> None:
        """
        Whatever is no list of addresses is refused, with a message that names it.
        """
        for text, said in (
            ("", "the list is empty"),
            ("  ", "the list is empty"),
            ("192.0.2.7,", "is empty"),
            ("192.0.2.7,,::1", "is empty"),
            ("localhost", "'localhost' is neither"),
            ("192.0.2", "'192.0.2' is neither"),
            ("10.0.0.0/33", "'10.0.0.0/33' is neither"),
            ("10.0.0.1/8", "'10.0.0.1/8' is an address within 10.0.0.0/8"),
            ("2001:db8::1/32", "is an address within 2001:db8::/32"),
        ):
            error = self.assertRaises(BadAllowList, AllowList.fromText, text)
            self.assertIn(said, str(error))

    def test_environment(self) -> None:
        """
        FCGI_WEB_SERVER_ADDRS is a list, if it is set; an empty one is a mistake.
        """
        self.assertIsNone(AllowList.fromEnvironment({}))
        allowed = AllowList.fromEnvironment({"FCGI_WEB_SERVER_ADDRS": "192.0.2.7, ::1"})
        assert allowed is not None
        self.assertTrue(allowed(ip("::1")))
        for text in ("", " ", "web.example"):
            error = self.assertRaises(
                BadAllowList, AllowList.fromEnvironment, {"FCGI_WEB_SERVER_ADDRS": text}
            )
            self.assertIn("FCGI_WEB_SERVER_ADDRS in the environment: ", str(error))


class PeerCheckTests(SynchronousTestCase):
    """
    Tests of L{peerCheck}.
    """

    environ = {"FCGI_WEB_SERVER_ADDRS": "192.0.2.7,192.0.2.8"}

    def test_nothing(self) -> None:
        """
        Without any list there is no check.
        """
        self.assertIsNone(peerCheck(None, {}))

    def test_one(self) -> None:
        """
        One list holds alone, wherever it comes from.
        """
        given = AllowList.fromText("192.0.2.7")
        self.assertIs(peerCheck(given, {}), given)
        self.assertEqual(peerCheck(None, self.environ), AllowList.fromText("192.0.2.7,192.0.2.8"))

    def test_both(self) -> None:
        """
        Of two lists both hold.
        """
        check = peerCheck(AllowList.fromText("192.0.2.8,192.0.2.9"), self.environ)
        assert check is not None
        self.assertEqual([check(ip(f"192.0.2.{last}")) for last in (7, 8, 9)], [False, True, False])


class AddressTests(SynchronousTestCase):
    """
    Tests of L{isPublic} and L{numericAddress}.
    """

    def test_public(self) -> None:
        """
        Every interface and every address that is not loopback can be reached by other machines.
        """
        for host in (
            "",
            "0.0.0.0",
            "::",
            "192.0.2.7",
            "10.0.0.1",
            "fe80::1%eth0",
            "::ffff:0.0.0.0",
        ):
            self.assertTrue(isPublic(host), host)

    def test_loopback(self) -> None:
        """
        Loopback can't, and a name is not known.
        """
        for host in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost"):
            self.assertFalse(isPublic(host), host)

    def test_name(self) -> None:
        """
        A name is not a numeric address.
        """
        self.assertIsNone(numericAddress("localhost"))
