"""
The options of a client: its timeouts, its limits, and when it tries again. The defaults are safe
for a program that calls php-fpm on the same machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from ..errors import InvalidRequest, RequestFailed
from ..transport.tracing import OnRecord
from .checks import checkChoice, checkFunction, checkKind, checkNumbers
from .timing import CallTrace

UnknownLength = Literal["spool", "stream", "refuse"]
ReuseFor = Literal["all", "idempotent"]

_MAY_BE_ZERO: Final = frozenset(
    ("maxWaiting", "idleTimeout", "failTime", "stderrBytes", "spoolMemory", "closeTimeout")
)
Context = dict[Any, Any]


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """
    How long each part of a request may take, in seconds; L{None} waits forever. The gateway has an
    option for each.
    """

    connect: float | None = field(
        default=10.0,
        metadata={
            "help": "Seconds for a connection to the back end to be made, for each endpoint that "
            "is tried"
        },
    )
    poolWait: float | None = field(
        default=30.0, metadata={"help": "Seconds to wait for a connection when all are busy"}
    )
    write: float | None = field(
        default=60.0,
        metadata={
            "help": "Seconds in which the back end takes none of what waits to be sent, unless it "
            "is held back itself"
        },
    )
    firstByte: float | None = field(
        default=60.0,
        metadata={"help": "Seconds from the end of a request to the first byte of the response"},
    )
    betweenBytes: float | None = field(
        default=60.0,
        metadata={"help": "Seconds between two pieces of a response, while it is being read"},
    )
    total: float | None = field(
        default=300.0,
        metadata={"help": "Seconds for a request, from the call to the end of the response"},
    )

    def __post_init__(self) -> None:
        """
        @raise ValueError: If one of them is not a number of seconds.
        """
        checkNumbers(self, frozenset(vars(self)))


def checkedTimeouts(timeouts: object) -> Timeouts:
    """
    What a caller gave for timeouts.

    @raise InvalidRequest: If it is something else.
    """
    if isinstance(timeouts, Timeouts):
        return timeouts
    raise InvalidRequest(f"timeouts is a Timeouts, such as Timeouts(total=5), not {timeouts!r:.80}")


def whenStale(error: RequestFailed) -> bool:
    """
    Try again when a kept connection turned out to be gone.
    """
    return error.stale


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """
    When a failed request is made again, on a new connection. Whatever the policy, a request is made
    again only if nothing of a response arrived, if the whole body can be sent again, and if either
    the back end can't have acted on the request
    (C{error.L{mayHaveRun<txfcgi.errors.RequestFailed.mayHaveRun>}}), or its method is idempotent
    (RFC 9110, section 9.2.2): GET, HEAD, OPTIONS, TRACE, PUT or DELETE.

    @ivar attempts: The most attempts after the first one.
    @ivar delay: Seconds to wait before each of them.
    @ivar when: Tells whether an error is worth another attempt. Without it, only a kept connection
        that turned out to be closed is, and C{attempts} and C{delay} are for no other failure.
    @ivar anyMethod: Whether requests of any method may be made again, although the back end may
        then act on them twice.
    """

    attempts: int = 1
    delay: float = 0.0
    when: Callable[[RequestFailed], bool] = whenStale
    anyMethod: bool = False

    def __post_init__(self) -> None:
        """
        @raise ValueError: If one of them can't be.
        """
        checkNumbers(self, frozenset(("attempts", "delay")))
        if not callable(self.when):
            raise ValueError(f"RetryPolicy(when=...) is a function, not {self.when!r:.80}")


@dataclass(frozen=True, kw_only=True)
class ClientOptions:
    """
    The timeouts and limits of a client.

    @ivar timeouts: Used for requests that do not bring their own.
    @ivar retry: When a failed request is made again.
    @ivar keepConnections: Whether connections are used for more than one request.
    @ivar reuseFor: Which requests may go on a connection that was used before: all, or those that
        are sent again if that connection turns out to be gone (see L{RetryPolicy}); any other
        then gets a new one, which is kept.
    @ivar maxWaiting: How many requests may wait for a connection.
    @ivar idleTimeout: Seconds after which a connection that nobody uses is closed. Each one keeps
        a child of php-fpm from serving others.
    @ivar maxAge: Seconds after which a connection is not used for another request.
    @ivar maxRequests: How many requests a connection is used for.
    @ivar multiplex: Whether several requests share a connection. L{None}: if
        L{getValues<txfcgi.client.client.FastCGIClient.getValues>} was called and the back end said
        that it can.
    @ivar requestsPerConnection: How many requests may share a connection, if it is shared.
    @ivar failTime: Seconds for which an endpoint that could not be reached comes last.
    @ivar headBytes: The most bytes of a response head.
    @ivar streamBytes: How many bytes of a response may wait to be read before the back end is held
        back.
    @ivar connectionBytes: The same for all the responses of a shared connection together.
    @ivar collectBytes: The most bytes that C{content()}, C{execute()} and other reads collect.
    @ivar stderrBytes: How much of a request's stderr is kept; the rest is counted and dropped.
    @ivar outputBytes: How many bytes a body's producer may write while the connection takes none.
    @ivar unknownLength: What happens to a request body whose length is not known: C{"spool"} it,
        in memory and then in a temporary file; C{"stream"} it without a CONTENT_LENGTH, which
        php-fpm takes for an empty body; or C{"refuse"} it.
    @ivar allowSplit: Whether a param of more than 65,535 bytes, its lengths included, is split over
        several records. libfcgi, fcgiwrap, Go, flup and txfcgi join it again; php-fpm and uWSGI
        close the connection. Without it, such a param is an error
        (L{ParamTooLarge<txfcgi.errors.ParamTooLarge>}). SCGI does not have this limit.
    @ivar spoolBytes: The most bytes of one body that are spooled; L{None} for no limit.
    @ivar spoolMemory: How many bytes of them are kept in memory; the rest is in a file.
    @ivar closeTimeout: Seconds for a connection to close before it is cut.
    @ivar logStderr: Whether what a back end writes to its stderr is logged: as an error if the
        response has a status of 400 or more, else as information.
    @ivar onStderr: Called with each piece of stderr when it arrives, and the context of the
        request.
    @ivar onTrace: Called at the end of each request with the times of its steps, and the context
        of the request.
    @ivar onRecord: Called with each FastCGI record, in either direction.
    """

    timeouts: Timeouts = field(default_factory=Timeouts)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    keepConnections: bool = True
    reuseFor: ReuseFor = "all"
    maxConnections: int = field(
        default=10, metadata={"help": "Connections at once to each back end"}
    )
    maxWaiting: int = 1_000
    idleTimeout: float = 4.0
    maxAge: float = 600.0
    maxRequests: int = 10_000
    multiplex: bool | None = None
    requestsPerConnection: int = 16
    failTime: float = 10.0
    headBytes: int = 65_535
    streamBytes: int = 65_536
    connectionBytes: int = 1_048_576
    collectBytes: int = 16 * 1024 * 1024
    stderrBytes: int = 262_144
    outputBytes: int = 8 * 1024 * 1024
    unknownLength: UnknownLength = "spool"
    allowSplit: bool = False
    spoolBytes: int | None = 256 * 1024 * 1024
    spoolTotalBytes: int = field(
        default=4 * 1024 * 1024 * 1024,
        metadata={
            "help": "Bytes of all request bodies that are spooled at once. A request that brings "
            "more gets a 503"
        },
    )
    spoolMemory: int = 1_048_576
    closeTimeout: float = 5.0
    logStderr: bool = True
    onStderr: Callable[[bytes, Context], None] | None = None
    onTrace: Callable[[CallTrace, Context], None] | None = None
    onRecord: OnRecord | None = None

    def __post_init__(self) -> None:
        """
        @raise ValueError: If an option has a value that it can't have; the message names it.
        """
        checkNumbers(self, _MAY_BE_ZERO)
        checkKind(self, "timeouts", Timeouts)
        checkKind(self, "retry", RetryPolicy)
        checkChoice(self, "reuseFor", get_args(ReuseFor))
        checkChoice(self, "unknownLength", get_args(UnknownLength))
        checkChoice(self, "multiplex", (None, True, False))
        for name in ("onStderr", "onTrace", "onRecord"):
            checkFunction(self, name)

    @classmethod
    def forPHP(cls, **options: Any) -> ClientOptions:
        """
        Make options for php-fpm. Connections are not kept, as a script that ends its request early
        (C{fastcgi_finish_request}) holds up the next request on its connection. Where they are kept
        after all (C{keepConnections=True}), a request that must not be sent twice gets a new one.

        @param options: More options, or other values for these two.
        """
        return cls(**{"keepConnections": False, "reuseFor": "idempotent", **options})


def checkedOptions(options: object) -> ClientOptions:
    """
    The options that a client was given, or the usual ones.

    @raise ValueError: If it is something else.
    """
    if options is None:
        return ClientOptions()
    if isinstance(options, ClientOptions):
        return options
    raise ValueError(f"options is a ClientOptions(...), not {options!r:.80}")
