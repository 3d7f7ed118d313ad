"""
What holds for every conversation with a FastCGI application, and for any bytes at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from txfcgi.errors import RemoteProtocolError
from txfcgi.wire.duplicates import DUPLICATES
from txfcgi.wire.events import (
    ConnectionFailed,
    DataReceived,
    Event,
    RequestAborted,
    RequestReceived,
    RequestRefused,
    StreamEnded,
    ValuesRequested,
)
from txfcgi.wire.fastcgiserver import RULES, ServerConnection
from txfcgi.wire.records import Stream

from .conversations import (
    AUTHORIZER,
    DATA,
    FILTER,
    GET_VALUES,
    NOBODY,
    PARAMS,
    RESPONDER,
    STDIN,
    begin,
    generally,
    get,
    heldBytes,
    merged,
    pair,
    received,
    record,
)

somePairs = st.lists(st.tuples(st.binary(max_size=6), st.binary(max_size=140)), max_size=3)
paddings = st.sampled_from([b"", b"\0", b"\1\5\0\1\0\0\0", b"\xff" * 255])


@dataclass
class Conversation:
    """
    The records of one request, and what they mean.
    """

    records: list[bytes]
    events: list[Event]


def pieces(draw: st.DrawFn, kind: int, requestID: int, value: bytes) -> list[bytes]:
    """
    A stream in records, cut and padded anyhow, and its end.
    """
    cuts = sorted(draw(st.lists(st.integers(0, len(value)), max_size=3)))
    parts = [value[a:b] for a, b in pairwise([0, *cuts, len(value)]) if a < b]
    return [record(kind, requestID, part, draw(paddings)) for part in (*parts, b"")]


@st.composite
def conversations(draw: st.DrawFn, requestID: int) -> Conversation:
    """
    One request of any role, whole.
    """
    role = draw(st.sampled_from([RESPONDER, AUTHORIZER, FILTER]))
    flags = draw(st.sampled_from([0, 1, 255]))
    pairs = draw(somePairs)
    block = b"".join(pair(*each) for each in pairs)
    records = [begin(requestID, role, flags), *pieces(draw, PARAMS, requestID, block)]
    events: list[Event] = [received(requestID, *pairs, role=role, keep=bool(flags & 1))]
    if role != AUTHORIZER or draw(st.booleans()):
        kinds = (STDIN, DATA) if role == FILTER else (STDIN,)
        for kind in kinds:
            value = draw(st.binary(max_size=40))
            records += pieces(draw, kind, requestID, value)
            if value:
                events.append(DataReceived(requestID, Stream(kind), value))
            events.append(StreamEnded(requestID, Stream(kind)))
    if draw(st.booleans()):
        records.append(record(2, requestID))
        events.append(RequestAborted(requestID))
    return Conversation(records, events)


@st.composite
def mixed(draw: st.DrawFn) -> tuple[bytes, list[Conversation], int]:
    """
    Up to three requests, their records shuffled as multiplexing allows, with records between them
    that belong to none; and how many of those asked for values.
    """
    ids = draw(st.lists(st.integers(1, 65535).filter(NOBODY.__ne__), max_size=3, unique=True))
    talks = [draw(conversations(requestID)) for requestID in ids]
    others = st.sampled_from([record(GET_VALUES, 0, pair(b"A", b"")), record(STDIN, NOBODY, b"x")])
    left = [list(talk.records) for talk in talks]
    data = []
    asked = 0
    while any(left):
        source = draw(st.sampled_from([queue for queue in left if queue]))
        data.append(source.pop(0))
        if draw(st.integers(0, 7)) == 0:
            data.append(draw(others))
            asked += data[-1][1] == GET_VALUES
    return b"".join(data), talks, asked


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """
    Bytes in pieces of these sizes, which come again and again; a piece may be empty.
    """
    parts = []
    position = turn = 0
    while position < len(data):
        size = sizes[turn % len(sizes)] if any(sizes) else len(data)
        parts.append(data[position : position + size])
        position += size
        turn += 1
    return parts


sizes = st.one_of(
    st.just([1]),
    st.lists(st.sampled_from([0, 1, 2, 7, 8, 9, 16, 24, 40, 1000]), min_size=1, max_size=6),
)


class TestConversations:
    """
    Everything that a web server may say.
    """

    @given(mixed(), sizes)
    def test_anyPieces(self, talk: tuple[bytes, list[Conversation], int], sizes: list[int]) -> None:
        """
        The events of each request are what its records mean, in their order, whatever the pieces
        and the multiplexing; and those of all are the same whatever the pieces.
        """
        data, talks, asked = talk
        expected = ServerConnection(values={b"A": b"1"})
        inOne = expected.receive(data)
        assert expected.failed is None
        for each in talks:
            requestID = each.events[0].requestID  # type: ignore[attr-defined]
            own = [event for event in inOne if getattr(event, "requestID", 0) == requestID]
            assert merged(own) == each.events
        assert inOne.count(ValuesRequested((b"A",))) == asked

        connection = ServerConnection(values={b"A": b"1"})
        events = [event for piece in cut(data, sizes) for event in connection.receive(piece)]
        assert merged(events) == merged(inOne)
        assert connection.takeReplies() == expected.takeReplies()
        assert connection.active == expected.active == len(talks)

    @given(mixed(), sizes)
    def test_oneByOne(self, talk: tuple[bytes, list[Conversation], int], sizes: list[int]) -> None:
        """
        The same, for conversations one after another with each request answered at its end, by
        which connections are kept.
        """
        _, talks, _ = talk
        connection = ServerConnection()
        for each in talks * 2:
            events = [
                event
                for piece in cut(b"".join(each.records), sizes)
                for event in connection.receive(piece)
            ]
            assert merged(events) == each.events
            connection.end(each.events[0].requestID)  # type: ignore[attr-defined]
            assert connection.active == 0


# Bytes that are more often records, or nearly, than any bytes would be.
fragments = st.one_of(
    st.binary(max_size=20),
    st.builds(
        record,
        st.integers(0, 13),
        st.sampled_from([0, 1, 2, 3, 65535]),
        st.one_of(
            st.just(b""),
            st.binary(max_size=12),
            st.sampled_from(
                [b"\0\1\1" + bytes(5), b"\0\2\0" + bytes(5), b"\0\3\1" + bytes(5), b"\0\0" * 4]
            ),
            st.sampled_from([b"\1\1ab", b"\x0e\0FCGI_MAX_CONNS", bytes(200)]),
        ),
        paddings,
        version=st.sampled_from([1] * 20 + [0, 2]),
    ),
    st.builds(
        get,
        st.sampled_from([0, 1, 2, 3, 4, 65535]),
        st.tuples(st.binary(max_size=3), st.binary(max_size=200)),
        role=st.integers(0, 4),
        flags=st.integers(0, 2),
    ),
)
anything = st.lists(fragments, max_size=12).map(b"".join)
options = st.fixed_dictionaries(
    {
        "multiplex": st.booleans(),
        "requests": st.integers(1, 3),
        "paramsBytes": st.sampled_from([0, 10, 150, 1000]),
        "collectingBytes": st.sampled_from([0, 10, 150, 300]),
        "lenient": st.sets(st.sampled_from(RULES)),
        "duplicates": st.sampled_from(sorted(DUPLICATES)),
    }
)


class TestAnyBytes:
    """
    Everything that anyone may say.
    """

    @given(anything, sizes, options)
    def test_eventsOrOneError(self, data: bytes, sizes: list[int], options: dict[str, int]) -> None:
        """
        Any bytes give events, or one error as the last of them, and the same ones whatever the
        pieces; and what the connection holds is bounded.
        """
        expected = ServerConnection(**options)  # type: ignore[arg-type]
        inOne = expected.receive(data)
        failures = [event for event in inOne if isinstance(event, ConnectionFailed)]
        assert failures == inOne[len(inOne) - len(failures) :]
        assert len(failures) == (expected.failed is not None)
        assert all(isinstance(event.error, RemoteProtocolError) for event in failures)

        connection = ServerConnection(**options)  # type: ignore[arg-type]
        events: list[Event] = []
        for piece in cut(data, sizes):
            if connection.failed is None:
                events += connection.receive(piece)
        assert merged(events) == merged(inOne)
        assert connection.takeReplies() == expected.takeReplies()

    @given(anything, options)
    def test_memory(self, data: bytes, options: dict[str, int]) -> None:
        """
        If every request is answered as soon as it is told of, a connection holds the params that
        are not complete, within their limit, and one record.
        """
        connection = ServerConnection(**options)  # type: ignore[arg-type]
        idle = heldBytes(connection)
        bound = options["collectingBytes"] * 9 / 8 + 2 * options["requests"] * 1000 + 1500
        for piece in cut(data, [50]):
            if connection.failed is not None:
                break
            told = {
                event.requestID
                for event in connection.receive(piece)
                if isinstance(event, RequestReceived | RequestRefused | RequestAborted)
            }
            for requestID in told:
                connection.end(requestID)
            connection.takeReplies()
        assert heldBytes(connection) < idle + bound

    @given(anything, options)
    def test_fastWay(self, data: bytes, options: dict[str, int]) -> None:
        """
        A request that is taken at once gives the same events, and leaves the same behind, as one
        that is taken record by record.
        """
        fast = ServerConnection(**options)  # type: ignore[arg-type]
        general = ServerConnection(**options)  # type: ignore[arg-type]
        assert fast.receive(data) == generally(general, data)
        assert fast.active == general.active
        assert fast.ignored == general.ignored
        assert fast.replies == general.replies
        assert fast.partial == general.partial
        assert (fast.awaited is None) == (general.awaited is None)
        for requestID in (0, 1, 2, 3, 4, 65535):
            assert fast.receivesInput(requestID) == general.receivesInput(requestID)
