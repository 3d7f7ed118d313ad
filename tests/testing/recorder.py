"""
A back end that writes down what a web server sends it: over FastCGI each record, over SCGI the
headers and the body.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.interop.processes import PATIENCE
from txfcgi.wire.pairs import decodePairs
from txfcgi.wire.records import (
    BEGIN_BODY,
    HEADER,
    HEADER_LENGTH,
    RecordType,
    encodeRecord,
)

Entry = list[Any]
"""
A record: its type's name, the request's id, what it says, and its padding.
"""

HEAD = b"Status: 200 OK\r\nContent-Type: text/plain\r\nX-Accel-Buffering: no\r\n\r\n"
ALLOWED = b"Status: 200 OK\r\nVariable-KNOWN_AS: friend\r\n\r\n"


@dataclass
class Seen:
    """
    A request that came.

    @ivar connection: the number of its connection, from 0 on, in the order they were made.
    @ivar requestID: its id there.
    @ivar entries: what was sent for it.
    @ivar complete: whether all of it has come.
    @ivar over: whether it was aborted then.
    """

    connection: int
    requestID: int
    entries: list[Entry] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    role: int = 1
    keep: bool = False
    block: bytes = b""
    complete: bool = False
    over: bool = False


class Conversation:
    """
    One connection of a web server.
    """

    connection: socket.socket

    def __init__(self, recorder: Recorder, number: int) -> None:
        self.recorder = recorder
        self.number = number
        self.requests: dict[int, Seen] = {}
        self.held = b""
        self.complete: list[Seen] = []

    def run(self, connection: socket.socket) -> None:
        """
        Take what comes until the web server goes.
        """
        self.connection = connection
        with connection:
            try:
                while data := connection.recv(1 << 20):
                    self.held += data
                    self.take()
            except OSError as error:
                self.recorder.ended(self.number, type(error).__name__)
            else:
                self.recorder.ended(self.number, "closed")

    def take(self) -> None:
        """
        Go through what has come.
        """
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        """
        Send bytes, as far as they are taken.
        """
        try:
            self.connection.sendall(data)
        except OSError:
            return

    def hangUp(self) -> None:
        """
        Close our direction.
        """
        try:
            self.connection.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def answer(self, seen: Seen, output: bytes) -> None:
        """
        Answer a request.
        """
        raise NotImplementedError

    def more(self, seen: Seen, output: bytes) -> bytes:
        """
        Output in a form to be sent, with more to come.
        """
        raise NotImplementedError


class FastCGIConversation(Conversation):
    """
    One connection over FastCGI.
    """

    def take(self) -> None:
        held = self.held
        while len(held) >= HEADER_LENGTH:
            version, kind, requestID, length, padding = HEADER.unpack_from(held)
            assert version == 1
            end = HEADER_LENGTH + length + padding
            if len(held) < end:
                break
            content = held[HEADER_LENGTH : HEADER_LENGTH + length]
            held = held[end:]
            self.record(kind, requestID, content, padding)
        self.held = held
        # The bytes behind an Authorizer's params are looked at before it is answered.
        complete, self.complete = self.complete, []
        for seen in complete:
            seen.complete = True
            self.recorder.arrived(self, seen)

    def record(self, kind: int, requestID: int, content: bytes, padding: int) -> None:
        """
        Note a record, and answer when it was the last of a request.
        """
        name = RecordType(kind).name
        if kind == RecordType.GET_VALUES:
            self.recorder.note(
                [name, 0, sorted(pair[0].decode() for pair in decodePairs(content)), padding]
            )
            values = b"\x0e\x01FCGI_MAX_CONNS9\x0f\x01FCGI_MPXS_CONNS1\x0d\x02FCGI_MAX_REQS50"
            self.write(encodeRecord(RecordType.GET_VALUES_RESULT, 0, values))
            return
        if kind == RecordType.BEGIN_REQUEST:
            role, flags = BEGIN_BODY.unpack(content)
            self.requests[requestID] = Seen(self.number, requestID, role=role, keep=bool(flags & 1))
            entry: Entry = [name, requestID, {"role": role, "flags": flags}, padding]
        else:
            entry = [name, requestID, len(content), padding]
        seen = self.requests.get(requestID)
        if seen is None or seen.complete:
            if seen is not None and kind == RecordType.ABORT_REQUEST:
                seen.over = True
            self.recorder.note(entry)
            return
        seen.entries.append(entry)
        if kind == RecordType.PARAMS:
            seen.block += content
            if not content:
                seen.params = {
                    key.decode("latin-1"): value.decode("latin-1")
                    for key, value in decodePairs(seen.block)
                }
        # Apache sends an Authorizer no STDIN record.
        last = RecordType.PARAMS if seen.role == 2 else RecordType.STDIN
        if kind == last and not content:
            self.complete.append(seen)

    def answer(self, seen: Seen, output: bytes) -> None:
        requestID = seen.requestID
        del self.requests[requestID]
        self.write(
            encodeRecord(RecordType.STDOUT, requestID, output)
            + encodeRecord(RecordType.STDOUT, requestID)
            + encodeRecord(RecordType.END_REQUEST, requestID, bytes(8))
        )
        if not seen.keep:
            self.hangUp()

    def more(self, seen: Seen, output: bytes) -> bytes:
        return encodeRecord(RecordType.STDOUT, seen.requestID, output)


class SCGIConversation(Conversation):
    """
    One connection over SCGI.
    """

    seen: Seen | None = None

    def take(self) -> None:
        if self.seen is None:
            digits, colon, rest = self.held.partition(b":")
            if not colon or len(rest) <= int(digits):
                return
            block = rest[: int(digits)]
            assert rest[int(digits) : int(digits) + 1] == b","
            self.held = rest[int(digits) + 1 :]
            self.seen = Seen(self.number, 1)
            self.seen.block = block
            self.seen.entries.append(["HEADERS", 1, len(block), 0])
            strings = [each.decode("latin-1") for each in block.split(b"\0")[:-1]]
            self.seen.params = dict(zip(strings[::2], strings[1::2], strict=True))
        seen = self.seen
        if not seen.complete and len(self.held) >= int(seen.params["CONTENT_LENGTH"]):
            seen.complete = True
            seen.entries.append(["BODY", 1, len(self.held), 0])
            self.recorder.arrived(self, seen)

    def answer(self, seen: Seen, output: bytes) -> None:
        self.write(output)
        self.hangUp()

    def more(self, seen: Seen, output: bytes) -> bytes:
        return output


CONVERSATIONS: dict[str, type[Conversation]] = {
    "fastcgi": FastCGIConversation,
    "scgi": SCGIConversation,
}


class Recorder:
    """
    Listens for web servers, notes what they send, and answers each request as soon as it is
    complete, or when it is told to.

    @ivar requests: the requests that came, in the order in which they were complete.
    @ivar asides: records outside of requests: GET_VALUES, and what came after the end of one.
    @ivar ends: how the web server left each of the connections that it left, by number.
    """

    def __init__(self, protocol: str, *listening: socket.socket) -> None:
        self.make = CONVERSATIONS[protocol]
        self._listening = listening
        self._changed = threading.Condition()
        self._holding = 0
        self._held: list[tuple[Conversation, Seen]] = []
        self._count = 0
        self.requests: list[Seen] = []
        self.asides: list[Entry] = []
        self.ends: dict[int, str] = {}
        for one in listening:
            one.listen(16)
            threading.Thread(target=self._accept, args=(one,), daemon=True).start()

    def close(self) -> None:
        """
        Take no more connections.
        """
        for one in self._listening:
            one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with self._changed:
                number = self._count
                self._count += 1
            conversation = self.make(self, number)
            threading.Thread(target=conversation.run, args=(connection,), daemon=True).start()

    # For the connections

    def note(self, entry: Entry) -> None:
        """
        Something came that belongs to no request.
        """
        with self._changed:
            self.asides.append(entry)
            self._changed.notify_all()

    def ended(self, number: int, how: str) -> None:
        """
        A connection is gone.
        """
        with self._changed:
            self.ends[number] = how
            self._changed.notify_all()

    def arrived(self, conversation: Conversation, seen: Seen) -> None:
        """
        A request is complete.
        """
        with self._changed:
            self.requests.append(seen)
            self._held.append((conversation, seen))
            ready = [] if len(self._held) < self._holding else self._held
            if ready:
                self._held, self._holding = [], 0
            self._changed.notify_all()
        for one, request in ready:
            if request.role == 2:
                one.answer(request, ALLOWED)
            else:
                isHead = request.params["REQUEST_METHOD"] == "HEAD"
                one.answer(request, HEAD if isHead else HEAD + b"hello\n")

    # For the script

    def hold(self, requests: int) -> None:
        """
        Answer only when so many requests are here at once.
        """
        with self._changed:
            self._holding = requests

    def forget(self) -> None:
        """
        Note only what comes from now on.
        """
        with self._changed:
            self.requests = []
            self.asides = []

    def wait(self, until: Callable[[], bool], patience: float = PATIENCE) -> bool:
        """
        Wait for something to happen.

        @return: whether it did.
        """
        with self._changed:
            return self._changed.wait_for(until, patience)

    def held(self) -> tuple[Conversation, Seen]:
        """
        Wait for a request that is not answered.
        """
        assert self.wait(lambda: bool(self._held)), "no request came"
        with self._changed:
            return self._held[-1]

    def writeUntilGone(self) -> None:
        """
        Write to the request that is held until the web server takes no more of it, or goes.
        """
        conversation, seen = self.held()
        connection = conversation.connection
        try:
            connection.sendall(conversation.more(seen, HEAD))
            while conversation.number not in self.ends and not seen.over:
                select.select([], [connection], [], PATIENCE)
                connection.sendall(conversation.more(seen, b"more\n" * 1_000))
        except OSError:
            return

    def writeAndEnd(self) -> None:
        """
        Write much to the request that came last, and then end all that are held.
        """
        conversation, seen = self.held()
        conversation.write(conversation.more(seen, HEAD))
        for _ in range(200):
            conversation.write(conversation.more(seen, b"more\n" * 1_000))
        with self._changed:
            held, self._held, self._holding = self._held, [], 0
        for one, request in reversed(held):
            one.answer(request, b"" if request is seen else HEAD + b"hello\n")

    def release(self) -> None:
        """
        Give up what is held.
        """
        with self._changed:
            held, self._held, self._holding = self._held, [], 0
        for conversation, _ in held:
            conversation.hangUp()
