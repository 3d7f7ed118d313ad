"""
Tests of L{txfcgi.server.checks}, by what takes arguments.
"""

from __future__ import annotations

from typing import Any

import pytest

from txfcgi import (
    ClientOptions,
    FastCGIServerFactory,
    FormLimits,
    Limits,
    RetryPolicy,
    SCGIServerFactory,
    threaded,
)
from txfcgi.server.limits import HTTPLimits
from txfcgi.server.observing import ServerObserver


def app(request: object) -> None:
    """
    An app.
    """


def fastcgi(**arguments: Any) -> object:
    """
    A factory with these.
    """
    return FastCGIServerFactory(app, **arguments)


def scgi(**arguments: Any) -> object:
    """
    A factory with these.
    """
    return SCGIServerFactory(app, **arguments)


@pytest.mark.parametrize(
    ("make", "arguments", "said"),
    [
        (fastcgi, {"overload": "protcol"}, "overload is one of 'http', 'protocol', not 'protcol'"),
        (fastcgi, {"limits": {"connections": 3}}, "limits is Limits(...), not {'connections': 3}"),
        (fastcgi, {"allowFrom": "10.0.0.0/8"}, "allowFrom is called, as AllowList.fromText("),
        (fastcgi, {"multiplex": "no"}, "multiplex is True or False, not 'no'"),
        (fastcgi, {"coalesce": 1}, "coalesce is True or False, not 1"),
        (fastcgi, {"interim": "yes"}, "interim is True or False, not 'yes'"),
        (fastcgi, {"values": {"A": 5}}, "values['A'] is str(...), not 5"),
        (fastcgi, {"observers": [5]}, "observers: 5 does not provide IServerObserver"),
        (fastcgi, {"observers": ServerObserver()}, "observers is a list of them, as [log], not <"),
        (fastcgi, {"onRecord": 5}, "onRecord is called, as print can be; 5 can't"),
        (fastcgi, {"duplicates": "lst"}, "duplicates are last, first or reject, not 'lst'"),
        (scgi, {"lenient": "no"}, "lenient is True or False, not 'no'"),
        (scgi, {"statusLine": 1}, "statusLine is True or False, not 1"),
        (scgi, {"abortOnEOF": None}, "abortOnEOF is True or False, not None"),
        (Limits, {"connections": True}, "connections is a whole number, not True"),
        (Limits, {"abortSlowReaders": "no"}, "abortSlowReaders is True or False, not 'no'"),
        (Limits, {"bodyBytes": "10M"}, "bodyBytes is a whole number, not '10M'"),
        (Limits, {"requestTimeout": "5"}, "requestTimeout is a number of seconds, not '5'"),
        (Limits, {"paramsTimeout": True}, "paramsTimeout is a number of seconds, not True"),
        (Limits, {"paramsTimeout": float("nan")}, "paramsTimeout can't be nan"),
        (HTTPLimits, {"headBytes": "64k"}, "headBytes is a whole number, not '64k'"),
        (HTTPLimits, {"lingerTimeout": -1}, "lingerTimeout can't be -1"),
        (ClientOptions, {"onRecord": 5}, "ClientOptions(onRecord=...) is a function or None, not"),
        (ClientOptions, {"onStderr": 5}, "ClientOptions(onStderr=...) is a function or None, not"),
        (ClientOptions, {"onTrace": 5}, "ClientOptions(onTrace=...) is a function or None, not 5"),
        (FormLimits, {"files": -1}, "FormLimits(files=...) is a whole number, not -1"),
        (RetryPolicy, {"when": "stale"}, "RetryPolicy(when=...) is a function, not 'stale'"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_refused(make: Any, arguments: dict[str, Any], said: str) -> None:
    """
    A wrong value is an error that names the argument, and what it can be.
    """
    with pytest.raises(ValueError) as caught:
        make(**arguments)
    assert said in str(caught.value)


def test_threaded() -> None:
    """
    What is no function can't run in a thread.
    """
    wrong: Any = "store"
    with pytest.raises(TypeError, match="threaded\\(\\) takes a function, not 'store'"):
        threaded(wrong)


def test_taken() -> None:
    """
    What is right is taken.
    """
    fastcgi(overload="protocol", limits=Limits(bodyBytes=None), allowFrom=lambda peer: True)
    fastcgi(multiplex=False, values={"A": "5"}, observers=[], onRecord=print)
    ClientOptions(onRecord=print, onStderr=print, onTrace=print)
    HTTPLimits(lingerBytes=0, writeTimeout=None)
    scgi(lenient=True, statusLine=True, abortOnEOF=True)
