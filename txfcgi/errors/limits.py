"""
What is more, or takes longer, than is allowed: L{LimitExceeded}.
"""

from __future__ import annotations

from .base import TxFCGIError


class LimitExceeded(TxFCGIError):
    """
    One of the limits was reached; the message names it.

    @cvar code: The HTTP status that the request gets if it can still be answered.
    """

    code: int = 400


class ParamsTooLarge(LimitExceeded):
    """
    The params have more bytes, or more pairs, than is allowed.
    """

    code = 431


class BodyTooLarge(LimitExceeded):
    """
    The request's body is longer than the server accepts.
    """

    code = 413


class ReadTooLarge(LimitExceeded):
    """
    A read that collects (C{read()}, C{readline()}) met more bytes than its limit.
    """

    code = 413


class HeadTooLarge(LimitExceeded):
    """
    A response head is longer than is allowed.
    """

    code = 502


class OutputTooLarge(LimitExceeded):
    """
    More output waits to be taken by the peer than is allowed: the writer did not wait for it.
    """

    code = 500


class BufferTooLarge(LimitExceeded):
    """
    The input that the apps of one connection have not read yet is more than is allowed.
    """

    code = 503


class TimedOut(LimitExceeded):
    """
    Something took longer than its timer allows; the message says what.
    """

    code = 408

    def __init__(self, message: str = "", code: int = 408) -> None:
        super().__init__(message)
        self.code = code
