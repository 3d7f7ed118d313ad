"""
The params of a request: what apps look at.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txfcgi.errors import MalformedParams, ParamsTooLarge
from txfcgi.wire.params import NameValueParams, Params, SCGIParams
from txfcgi.wire.variables import ParamNames, headerOfParam

from .conversations import pair

LOOKS: dict[str, Callable[[Params], object]] = {
    "raw": lambda params: params.raw,
    "getBytes": lambda params: params.getBytes("A"),
    "text": lambda params: params.text("A"),
    "textPairs": lambda params: params.textPairs(),
    "find": lambda params: params.find(b"A"),
    "get": lambda params: params.get("A"),
    "item": lambda params: params["A"],
    "in": lambda params: "A" in params,
    "len": lambda params: len(params),
    "list": lambda params: list(params),
    "dict": lambda params: dict(params),
    "equals": lambda params: params == {"A": "1"},
    "decode": lambda params: params.decode(),
    "check": lambda params: params.check(),
    "divide": lambda params: params.divide(ParamNames()),
}


def block(*pairs: tuple[bytes, bytes], limit: int = 1_000) -> NameValueParams:
    """
    Params of these pairs.
    """
    return NameValueParams(b"".join(pair(*each) for each in pairs), limit)


def test_views() -> None:
    """
    Names, values and both come as a mapping has them, and a later look finds the same.
    """
    params = block((b"A", b"1"), (b"B", b"2"), (b"A", b"3"))
    assert list(params.keys()) == ["A", "B"]
    assert list(params.values()) == ["3", "2"]
    assert list(params.items()) == [("A", "3"), ("B", "2")]
    assert params["B"] == "2"


def test_missing() -> None:
    """
    A name that is not there is a KeyError at the first look, and when all are decoded.
    """
    params = block((b"A", b"1"))
    for _ in range(2):
        with pytest.raises(KeyError, match="C"):
            params["C"]
        assert len(params) == 1


class TestLooks:
    """
    The first looks each go through the block, the later ones do not: nobody can tell.
    """

    def test_mapping(self) -> None:
        """
        They are a mapping of text to text, in which the last of several equal names wins.
        """
        for _ in range(4):
            params = block((b"A", b"1"), (b"B", b""), (b"A", b"3"))
            for _ in range(4):
                assert params["A"] == "3"
                assert params["B"] == ""
                assert params.get("C") is None
                assert params.get("C", "other") == "other"
                assert "B" in params
                assert "C" not in params
                assert 1 not in params  # type: ignore[comparison-overlap]
                with pytest.raises(KeyError, match="C"):
                    params["C"]
            assert dict(params) == {"A": "3", "B": ""}
            assert params == {"A": "3", "B": ""}
            assert params != {"A": "1", "B": ""}
            assert len(params) == 2

    def test_iterationFirst(self) -> None:
        """
        The mapping can be asked for before any param.
        """
        assert list(block((b"A", b"1"), (b"A", b"2"))) == ["A"]
        assert len(block((b"A", b"1"), (b"A", b"2"))) == 1
        assert dict(block()) == {}

    def test_bytes(self) -> None:
        """
        The bytes can be had as they came, in their order and with all duplicates.
        """
        pairs = [(b"B\xff", b"\0\xff"), (b"A", b"2"), (b"B\xff", b"\r\n"), (b"", b"")]
        params = block(*pairs)
        assert params.raw == pairs
        assert params.getBytes(b"B\xff") == b"\r\n"
        assert params.getBytes("B\udcff") == b"\r\n"
        assert params.getBytes("") == b""
        assert params.getBytes("C") is None
        assert params["B\udcff"] == "\r\n"
        assert dict(params) == {"B\udcff": "\r\n", "A": "2", "": ""}

    def test_notText(self) -> None:
        """
        A name that no bytes stand for is the name of no param, at every look; nor is what is no
        text.
        """
        params = block((b"A", b"1"))
        for _ in range(4):
            assert params.get("\ud800") is None
            assert params.getBytes("\ud800") is None
            assert "\ud800" not in params
            for name in (b"A", 1, None):
                assert params.get(name, "other") == "other"  # type: ignore[call-overload]
                with pytest.raises(KeyError):
                    params[name]

    def test_mayHold(self) -> None:
        """
        A false answer is certain.
        """
        params = block((b"REQUEST_METHOD", b"HEAD"))
        assert params.mayHold(b"REQUEST_METHODHEAD")
        assert not params.mayHold(b"REQUEST_METHODGET")

    @given(
        st.lists(
            st.tuples(st.sampled_from([b"A", b"B", b"\xff"]), st.binary(max_size=3)), max_size=6
        )
    )
    def test_agree(self, pairs: list[tuple[bytes, bytes]]) -> None:
        """
        All looks find the same.
        """
        params = block(*pairs)
        expected = dict(pairs)
        for _ in range(2):
            for name in (b"A", b"B", b"\xff", b"C"):
                text = name.decode("utf-8", "surrogateescape")
                value = expected.get(name)
                assert params.find(name) == params.getBytes(text) == value
                assert params.get(text) == (
                    None if value is None else value.decode("utf-8", "surrogateescape")
                )
                assert value is None or params.mayHold(name + value)
            assert len(params) == len(expected)


class TestDivided:
    """
    HTTP headers on one side, everything else on the other.
    """

    def test_divided(self) -> None:
        """
        Headers are bytes, with duplicates; the others are text, and the last of a name counts.
        What is behind HTTP_ and is no header, or must not be believed, is among the others.
        """
        params = block(
            (b"HTTP_ACCEPT", b"a"),
            (b"URI", b"/1"),
            (b"HTTP_ACCEPT", b"\xff"),
            (b"URI", "/\u00e9".encode() + b"\xff"),
            (b"HTTP_PROXY", b"http://evil"),
            (b"CONTENT_LENGTH", b""),
            (b"X\xff", b"1" * 200),
        )
        for _ in range(2):
            headers, others = params.divide(ParamNames())
            assert headers == [(b"accept", b"a"), (b"accept", b"\xff")]
            assert others == {
                "URI": "/\u00e9\udcff",
                "HTTP_PROXY": "http://evil",
                "CONTENT_LENGTH": "",
                "X\udcff": "1" * 200,
            }
        assert params.checked

    @given(
        st.lists(
            st.tuples(
                st.sampled_from([b"HTTP_A", b"HTTP_A B", b"B", b"C\xff"]),
                st.binary(max_size=3).map(lambda value: value.replace(b"\0", b"")),
            ),
            max_size=6,
            unique_by=lambda each: each[0],
        )
    )
    def test_agrees(self, pairs: list[tuple[bytes, bytes]]) -> None:
        """
        It is what the pairs are one by one, over both protocols.
        """
        names = ParamNames()
        headers = [
            (header.lower(), value)
            for name, value in pairs
            if (header := headerOfParam(name)) is not None
        ]
        others = {
            name.decode("utf-8", "surrogateescape"): value.decode("utf-8", "surrogateescape")
            for name, value in pairs
            if headerOfParam(name) is None
        }
        assert block(*pairs).divide(names) == (headers, others)
        first = [(b"CONTENT_LENGTH", b"0"), (b"SCGI", b"1")]
        sent = b"".join(b"%b\0%b\0" % each for each in first + pairs)
        others = {"CONTENT_LENGTH": "0", "SCGI": "1", **others}
        assert SCGIParams(sent).divide(names) == (headers, others)

    def test_bounded(self) -> None:
        """
        Few names are remembered, and no long ones.
        """
        names = ParamNames()
        for number in range(3_000):
            block((b"HTTP_X%d" % number, b"1")).divide(names)
            assert len(names.known) <= 1_024
        before = len(names.known)
        assert block((b"HTTP_" + b"L" * 200, b"1")).divide(names)[0] == [(b"l" * 200, b"1")]
        assert len(names.known) == before


class TestWrong:
    """
    Params that can't be read show none of themselves, however they are looked at.
    """

    @pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
    def test_malformed(self, look: Callable[[Params], object]) -> None:
        """
        Lengths that do not add up.
        """
        params = NameValueParams(pair(b"A", b"1") + b"\x01")
        for _ in range(4):
            with pytest.raises(MalformedParams):
                look(params)

    @pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
    def test_tooMany(self, look: Callable[[Params], object]) -> None:
        """
        More pairs than are allowed; it is the pairs that count, not their bytes.
        """
        params = block(*[(b"A", b"1")] * 4, limit=3)
        for _ in range(4):
            with pytest.raises(ParamsTooLarge, match="4 params, and at most 3 are allowed"):
                look(params)
        look(block(*[(b"A", b"1")] * 3, limit=3))
        look(block((b"A", b"1"), (b"B", bytes(1000)), limit=2))
        look(block((b"A", b"1"), limit=1))


class TestCheck:
    """
    Whether params can be read is known after a look.
    """

    @pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
    def test_known(self, look: Callable[[Params], object]) -> None:
        """
        Whatever the look was, where there are many too.
        """
        for limit in (3, 1_000):
            params = block((b"A", b"1"), (b"B", b"x" * 200), limit=limit)
            assert not params.checked
            look(params)
            assert params.checked

    @pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
    def test_failed(self, look: Callable[[Params], object]) -> None:
        """
        A look that failed stays one, whatever is tried afterwards, and does not pass for a check.
        """
        for params in (NameValueParams(b"\x01\xff\x00"), block(*[(b"A", b"1")] * 4, limit=3)):
            with pytest.raises((MalformedParams, ParamsTooLarge)):
                look(params)
            assert not params.checked
            with pytest.raises((MalformedParams, ParamsTooLarge)):
                params.check()

    def test_twice(self) -> None:
        """
        What was checked is not looked at again.
        """
        params = NameValueParams(pair(b"A", b"1"))
        params.check()
        params.check()
        assert params.checked

    def test_scgi(self) -> None:
        """
        Those of SCGI are checked when they come.
        """
        params = SCGIParams(b"CONTENT_LENGTH\x000\x00SCGI\x001\x00")
        assert params.checked
        params.check()

    @given(st.binary(max_size=40))
    def test_agrees(self, data: bytes) -> None:
        """
        A check by the lengths alone finds what a look finds.
        """

        def fails(look: Callable[[Params], object]) -> bool:
            try:
                look(NameValueParams(data))
            except MalformedParams:
                return True
            return False

        assert len({fails(look) for look in LOOKS.values() if look is not LOOKS["item"]}) == 1


class TestValues:
    """
    Params are values.
    """

    def test_equality(self) -> None:
        """
        Params of the same pairs are equal, however the lengths were written.
        """
        params = NameValueParams(b"\x01\x01ab")
        assert params == NameValueParams(b"\x80\x00\x00\x01\x01ab")
        assert params != NameValueParams(b"\x01\x01ac")
        assert params != b"\x01\x01ab"
        assert NameValueParams(b"\x01") == NameValueParams(b"\x01")
        with pytest.raises(TypeError, match="unhashable"):
            hash(params)

    def test_representation(self) -> None:
        """
        What is shown in a log has no secrets in it.
        """
        assert "secret" not in repr(block((b"HTTP_COOKIE", b"secret")))

    def test_otherProtocols(self) -> None:
        """
        Another protocol says how its params are found.
        """
        params = Params()
        for look in (
            lambda: params.raw,
            lambda: params.find(b"A"),
            lambda: params.mayHold(b"A1"),
            lambda: params.decode(),
            lambda: params.check(),
            lambda: params.divide(ParamNames()),
        ):
            with pytest.raises(NotImplementedError):
                look()


def test_text() -> None:
    """
    A value as text, or nothing where it is none, by any encoding and any way with errors.
    """
    params = block((b"A", "ä".encode()), (b"B", b"a\xff"), (b"A\xff", b""))
    assert (params.text("A"), params.text(b"A")) == ("ä", "ä")
    assert params.text("B") is None
    assert params.text("C") is None
    assert params.text("B", errors="replace") == "a\ufffd"
    assert params.text("B", "latin-1") == "a\xff"
    assert params.text("A\udcff") == ""


def test_textPairs() -> None:
    """
    All of them, as they came, and nothing in the place of what is no text.
    """
    params = block((b"A", b"1"), (b"B", b"a\xff"), (b"A", b"2"), (b"C\xff", b""))
    assert params.textPairs() == [("A", "1"), ("B", None), ("A", "2"), ("C\udcff", "")]
    assert params.textPairs("latin-1")[1] == ("B", "a\xff")
    assert params.textPairs(errors="ignore")[1] == ("B", "a")


@pytest.mark.parametrize("given", [{"encoding": "utf-9"}, {"errors": "stricter"}])
def test_wrongText(given: dict[str, str]) -> None:
    """
    An encoding or a way with errors that there is not is told, also where it would not be needed.
    """
    for look in (lambda: block().text("A", **given), lambda: block().textPairs(**given)):
        with pytest.raises(LookupError):
            look()
