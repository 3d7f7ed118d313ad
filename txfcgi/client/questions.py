"""
L{Questions}: the GET_VALUES records that were sent to an application, and its answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.defer import Deferred

from ..errors import InvalidRequest
from ..transport.timers import NEVER
from ..wire.events import UnknownTypeReceived, ValuesReceived

Values = dict[str, str]


def encodedNames(names: Iterable[str]) -> list[bytes]:
    """
    The names of variables, as they are asked for.

    @raise InvalidRequest: If these are not names.
    """
    if isinstance(names, (str, bytes)):
        raise InvalidRequest(f"the names of variables are a list, not {names!r:.80}")
    return [name.encode("utf-8", "surrogateescape") for name in names]


class Questions:
    """
    The questions on one connection; they are answered in their order.

    @ivar due: When an answer has to be there.
    @ivar answers: The answers that came, and whom they are for.
    """

    __slots__ = ("_waiting", "answers", "due")

    def __init__(self) -> None:
        self._waiting: list[Deferred[Values]] = []
        self.answers: list[tuple[Deferred[Values], Values]] = []
        self.due = NEVER

    def ask(self, due: float, cancel: Callable[[], None]) -> Deferred[Values]:
        """
        A question was sent.

        @param cancel: Is called when nobody wants the answer any more.
        """
        waiting: Deferred[Values] = Deferred(lambda _: cancel())
        self._waiting.append(waiting)
        self.due = min(self.due, due)
        return waiting

    def answer(self, event: ValuesReceived | UnknownTypeReceived) -> None:
        """
        Take an answer; one that does not know the question knows no values.
        """
        values = {}
        if isinstance(event, ValuesReceived):
            for name, value in event.values:
                decoded = value.decode("utf-8", "surrogateescape")
                values[name.decode("utf-8", "surrogateescape")] = decoded
        self.answers.append((self._waiting.pop(0), values))
        if not self._waiting:
            self.due = NEVER

    def deliver(self) -> None:
        """
        Pass the answers on. This runs the asker's code.
        """
        answers, self.answers = self.answers, []
        for waiting, values in answers:
            if not waiting.called:
                waiting.callback(values)

    def fail(self, error: Exception) -> None:
        """
        There will be no answers any more.
        """
        waiting, self._waiting = self._waiting, []
        self.due = NEVER
        for each in waiting:
            if not each.called:
                each.errback(error)
