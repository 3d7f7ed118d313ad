"""
Arguments that are wrong are told where they were given, and none is dropped in silence.
"""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from twisted.internet.defer import succeed
from twisted.internet.task import Clock

from txfcgi import (
    ClientOptions,
    FastCGIClient,
    FastCGIClientFactory,
    RetryPolicy,
    Role,
    SCGIClient,
    Timeouts,
)
from txfcgi.errors import InvalidEndpoint, InvalidParam, InvalidRequest, ParamTooLarge

from .backends import GET, POST, Backend, client, outcome


class TestParams:
    """
    What is given for params.
    """

    @pytest.mark.parametrize("body", [None, b"body"], ids=["no body", "a body"])
    @pytest.mark.parametrize("protocol", [FastCGIClient, SCGIClient], ids=["FastCGI", "SCGI"])
    @pytest.mark.parametrize(
        ("params", "said"),
        [
            ("/index.php", "not '/index.php'; cgiParams(method, uri) and PHPFPM(root).params"),
            (b"/index.php", "not b'/index.php'"),
            (["ab", "cd"], "a param is a pair of a name and a value, not 'ab'"),
            ([("A",)], "not ('A',)"),
            ([("A", "1", "2")], "not ('A', '1', '2')"),
            ([5], "not 5"),
            (5, "not 5"),
            ({"A": 5}, "the param 'A' is str or bytes, not int"),
            ({5: "A"}, "the name of the param 5 is str or bytes, not int"),
        ],
        ids=["a URI", "bytes", "strings", "one", "three", "numbers", "number", "value", "name"],
    )
    def test_wrong(self, params: Any, said: str, protocol: Any, body: Any) -> None:
        """
        The message shows it, and says what to give.
        """
        (error,) = outcome(protocol(Clock(), Backend()).request(params, body))
        assert isinstance(error, InvalidParam)
        assert said in str(error)

    def test_lists(self) -> None:
        """
        Pairs may be lists.
        """
        backend = Backend()
        pairs: Any = [["A", "1"], ("B", b"2")]
        outcome(client(backend).request(pairs))
        assert dict(backend.last.request().params) == {"A": "1", "B": "2"}


class TestSplit:
    """
    Params that fit into no record.
    """

    @pytest.mark.parametrize("body", [None, b"body"], ids=["no body", "a body"])
    def test_split(self, body: bytes | None) -> None:
        """
        They are split if that is allowed, and arrive whole, in their order.
        """
        params = {"A": "1", "B": "x" * 100_000, "C": "y" * 65_500, "D": "z" * 65_536, "E": "2"}
        backend = Backend()
        result = outcome(client(backend, allowSplit=True).request(params, body))
        got = backend.last.request().params
        assert [(name, got[name]) for name in got if name in params] == list(params.items())
        backend.last.answer()
        assert result[0].code == 200

    def test_notSplit(self) -> None:
        """
        Else they are an error, which names the param, and costs nothing but the request.
        """
        backend = Backend()
        calling = client(backend)
        (error,) = outcome(calling.request({"LONG": "x" * 65_536}))
        assert isinstance(error, ParamTooLarge)
        assert "'LONG'" in str(error)
        outcome(calling.request(GET))
        assert len(backend.connections) == 1


class TestRequests:
    """
    The other arguments of a request.
    """

    @pytest.mark.parametrize(
        "options",
        [{}, {"unknownLength": "stream"}],
        ids=["spooled", "streamed"],
    )
    @pytest.mark.parametrize("make", [list, StringIO], ids=["pieces of text", "a file of text"])
    def test_textInBody(self, make: Any, options: dict[str, Any]) -> None:
        """
        Text in a body is a mistake in the request.
        """
        (error,) = outcome(client(Backend(), **options).request(POST, make("a")))
        assert isinstance(getattr(error, "reason", error), InvalidRequest)
        assert "only bytes can be written, not str: 'a'" in str(error)

    def test_forgottenAwait(self) -> None:
        """
        The Deferred of a body is none.
        """
        body: Any = succeed(b"body")
        (error,) = outcome(client(Backend()).request(POST, body))
        assert isinstance(error, InvalidRequest)
        assert "await it" in str(error)

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ({"data": b"x"}, "only a Filter takes data"),
            ({"dataLastModified": 5}, "only a Filter takes dataLastModified"),
            ({"role": Role.AUTHORIZER, "dataLastModified": 5}, "only a Filter takes dataLast"),
            ({"role": Role.FILTER, "dataLastModified": -1}, "seconds since 1970, not -1"),
            ({"role": Role.FILTER, "dataLastModified": "now"}, "seconds since 1970, not 'now'"),
            ({"role": "responder"}, "not 'responder'"),
            ({"role": 65_536}, "not 65536"),
            ({"timeouts": 5}, "timeouts is a Timeouts, such as Timeouts(total=5), not 5"),
            ({"body": "text"}, "text"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    @pytest.mark.parametrize("how", ["request", "execute"])
    def test_wrong(self, how: str, arguments: dict[str, Any], said: str) -> None:
        """
        The message names the argument.
        """
        (error,) = outcome(getattr(client(Backend()), how)(POST, **arguments))
        assert isinstance(error, InvalidRequest)
        assert said in str(error)

    def test_authorize(self) -> None:
        """
        The same for an Authorizer.
        """
        wrong: Any = 5
        (error,) = outcome(client(Backend()).authorize(GET, timeouts=wrong))
        assert isinstance(error, InvalidRequest)

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ({"endpoint": 1}, "endpoint is 0 to 0, not 1"),
            ({"endpoint": -1}, "endpoint is 0 to 0, not -1"),
            ({"names": "FCGI_MAX_CONNS"}, "are a list, not"),
            ({"timeouts": 5}, "not 5"),
        ],
        ids=["beyond the last", "negative", "text", "timeouts"],
    )
    def test_getValues(self, arguments: dict[str, Any], said: str) -> None:
        """
        What is asked of an application, and of which.
        """
        backend = Backend()
        (error,) = outcome(client(backend).getValues(**arguments))
        assert isinstance(error, InvalidRequest)
        assert said in str(error)
        assert backend.connections == []


class TestOptions:
    """
    Options, and where back ends are.
    """

    @pytest.mark.parametrize(
        ("kind", "wrong", "said"),
        [
            (ClientOptions, {"maxConnections": 0}, "a number, more than 0, not 0"),
            (ClientOptions, {"maxConnections": -1}, "not -1"),
            (ClientOptions, {"maxConnections": "10"}, "not '10'"),
            (ClientOptions, {"maxWaiting": -1}, "a number, 0 or more, not -1"),
            (ClientOptions, {"maxConnections": None}, "not None"),
            (ClientOptions, {"maxConnections": True}, "not True"),
            (ClientOptions, {"maxAge": float("nan")}, "not nan"),
            (ClientOptions, {"keepConnections": "no"}, "True or False, not 'no'"),
            (ClientOptions, {"reuseFor": "GET"}, "'all', 'idempotent', not 'GET'"),
            (ClientOptions, {"unknownLength": "guess"}, "not 'guess'"),
            (ClientOptions, {"multiplex": "yes"}, "not 'yes'"),
            (ClientOptions, {"timeouts": 5}, "ClientOptions(timeouts=...) is Timeouts(...), not 5"),
            (ClientOptions, {"retry": 3}, "RetryPolicy(...), not 3"),
            (Timeouts, {"total": -1}, "Timeouts(total=...) is a number, 0 or more or None, not -1"),
            (Timeouts, {"connect": "5"}, "not '5'"),
            (RetryPolicy, {"attempts": -1}, "not -1"),
            (RetryPolicy, {"anyMethod": "POST"}, "True or False, not 'POST'"),
        ],
        ids=lambda value: str(value) if isinstance(value, dict) else "",
    )
    def test_wrong(self, kind: Any, wrong: dict[str, Any], said: str) -> None:
        """
        A wrong value is told as it is given, with the name of the option.
        """
        with pytest.raises(ValueError) as raised:
            kind(**wrong)
        assert said in str(raised.value)
        assert next(iter(wrong)) in str(raised.value)

    def test_right(self) -> None:
        """
        What may be off or 0 may.
        """
        ClientOptions(maxWaiting=0, idleTimeout=0, spoolBytes=None, multiplex=None)
        Timeouts(connect=None, poolWait=0, write=0.5)
        RetryPolicy(attempts=0)

    @pytest.mark.parametrize(
        ("endpoint", "said"),
        [
            ([], "the list is empty"),
            (9000, "9000 is not an endpoint"),
            (None, "None is not an endpoint"),
            (b"unix:/run/app.sock", "is not an endpoint"),
            (["unix:/run/app.sock", 5], "5 is not an endpoint"),
            ("nonsense", "'nonsense'"),
            ("tcp:127.0.0.1:http:x=y:z", "is not a valid endpoint"),
        ],
        ids=["none", "number", "nothing", "bytes", "second", "word", "arguments"],
    )
    def test_endpoint(self, endpoint: Any, said: str) -> None:
        """
        A client that can reach nobody is not made.
        """
        for kind in (FastCGIClient, SCGIClient):
            with pytest.raises(InvalidEndpoint) as raised:
                kind(Clock(), endpoint)
            assert said in str(raised.value)

    def test_noOptions(self) -> None:
        """
        Options that are none.
        """
        wrong: Any = {"maxConnections": 5}
        for make in (
            lambda: FastCGIClient(Clock(), Backend(), wrong),
            lambda: SCGIClient(Clock(), Backend(), wrong),
            lambda: FastCGIClientFactory(Clock(), wrong),
        ):
            with pytest.raises(ValueError) as raised:
                make()
            assert "ClientOptions(...), not {'maxConnections': 5}" in str(raised.value)
