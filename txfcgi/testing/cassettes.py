"""
Cassettes: files with the answers of a real back end, for a back end in memory to give again.

As a cassette is kept in a repository, it holds little that could be a secret: only params on an
allow-list, values as L{txfcgi.masking} shows them, and bodies only on request. A request is matched
by the parts of it that were kept.
"""

from __future__ import annotations

import base64
import errno
import json
import os
from binascii import Error as NoBase64
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TextIO

from ..masking import REMEMBERED, masked
from ..wire.variables import uriIn
from .answers import Answer
from .backlink import Called
from .protocols import known

#: Changes a value before it is kept or looked for: the name of the param or header, or C{"stdin"},
#: C{"body"} or C{"stderr"}, and the bytes.
Scrub = Callable[[str, bytes], bytes]

# The params by which a request is matched, beside those that were chosen, its role, and its body if
# that was kept.
_FOUND_BY: Final = frozenset(
    ("DOCUMENT_URI", "PATH_INFO", "QUERY_STRING", "REQUEST_METHOD", "REQUEST_URI", "SCRIPT_NAME")
)
_KEPT: Final = _FOUND_BY | {
    "CONTENT_LENGTH",
    "SCRIPT_FILENAME",
    *(name.decode("ascii") for name in REMEMBERED if name.isupper()),
}
# Headers that describe a body, which are dropped where it was not kept.
_OF_BODIES: Final = frozenset(("content-length", "content-encoding", "transfer-encoding"))

_VERSION: Final = 1
# How many paths a message names.
_NAMED: Final = 10
_RECORDED: Final = (
    "a cassette is recorded once: delete the file, or use cassette(), which plays what exists"
)
_NOT_RECORDED: Final = "the cassette does not exist: record it, or use cassette(), which does both"


class BadCassette(ValueError):
    """
    A file is not a cassette, or not one that can be played.
    """


@dataclass(frozen=True)
class Rules:
    """
    Which parts of a conversation are kept.

    @ivar protocol: C{"fastcgi"} or C{"scgi"}.
    @ivar bodies: Whether bodies are kept, those of requests and of responses, and what came on
        stderr.
    @ivar params: The names of params that are kept beside those that always are; a request is found
        by them, too.
    @ivar scrub: Changes a value before it is kept.
    """

    protocol: str = "fastcgi"
    bodies: bool = False
    params: frozenset[str] = frozenset()
    scrub: Scrub = lambda what, value: value

    def paramsOf(self, params: Mapping[str, str]) -> dict[str, str]:
        """
        What is kept of params.
        """
        return {
            name: self._text(name, value)
            for name, value in params.items()
            if name in _KEPT or name in self.params
        }

    def keyOf(self, called: Called) -> str:
        """
        What a request is found by.
        """
        return self.key(called.role, self.paramsOf(called.params), self.bodyOf(called.body))

    def key(self, role: int, params: Mapping[str, str], body: bytes | None) -> str:
        """
        What a request is found by, from what was kept of it.
        """
        found = {
            name: value
            for name, value in params.items()
            if name in _FOUND_BY or name in self.params
        }
        return json.dumps([role, found, _asJSON(body)], sort_keys=True)

    def bodyOf(self, body: bytes) -> bytes | None:
        """
        What is kept of a request's body.
        """
        return self.scrub("stdin", body) if self.bodies else None

    def outputOf(self, stdout: bytes) -> bytes:
        """
        What is kept of an output: of its head what may be shown.
        """
        for blank in (b"\r\n\r\n", b"\n\n"):
            head, found, body = stdout.partition(blank)
            if found:
                break
        else:
            return self.scrub("body", stdout) if self.bodies else b""
        kept = self.scrub("body", body) if self.bodies else b""
        end = blank[: len(blank) // 2]
        lines = [self._line(line, len(body), len(kept)) for line in head.split(end)]
        return end.join(line for line in lines if line is not None) + blank + kept

    def _line(self, line: bytes, came: int, kept: int) -> bytes | None:
        """
        A line of a head, that fits a body of which so much came and so much is kept.
        """
        name, colon, value = line.partition(b":")
        field = name.decode("latin-1")
        if not colon:
            return line
        if not self.bodies and field.lower() in _OF_BODIES:
            return None
        value = value.strip()
        if field.lower() == "content-length" and value == b"%d" % came:
            value = b"%d" % kept
        text = self._text(field, value.decode("utf-8", "surrogateescape"))
        return name + b": " + text.encode("utf-8", "surrogateescape")

    def _text(self, name: str, value: str) -> str:
        shown = masked(name, value).encode("utf-8", "surrogateescape")
        return self.scrub(name, shown).decode("utf-8", "surrogateescape")


class Cassette:
    """
    A file that is being recorded to. Only its owner can read it. It is made with the first answer,
    so that a run without one leaves nothing that a later run would play.
    """

    def __init__(self, path: str, rules: Rules) -> None:
        """
        @raise FileExistsError: If there is a file: a cassette is recorded once.
        @raise OSError: If no file can be made there.
        """
        self.rules = rules
        self._path = path
        self._file: TextIO | None = None
        self._closed = False
        folder = os.path.dirname(path) or "."
        if os.path.lexists(path):
            number, reason = errno.EEXIST, _RECORDED
        elif not os.path.isdir(folder):
            number, reason = errno.ENOENT, "the folder of the cassette does not exist"
        elif not os.access(folder, os.W_OK | os.X_OK):
            number, reason = errno.EACCES, "the folder of the cassette can't be written to"
        else:
            return
        raise OSError(number, reason, path)

    def add(self, called: Called, answer: Answer) -> None:
        """
        Keep a request and its answer.
        """
        rules = self.rules
        self._write(
            {
                "role": int(called.role),
                "params": rules.paramsOf(called.params),
                "stdin": _asJSON(rules.bodyOf(called.body)),
                "stdout": _asJSON(rules.outputOf(answer.stdout or b"")),
                "stderr": _asJSON(rules.scrub("stderr", answer.stderr) if rules.bodies else b""),
                "appStatus": answer.appStatus,
                "protocolStatus": int(answer.protocolStatus),
            }
        )

    def _write(self, entry: dict[str, object]) -> None:
        lines = json.dumps(entry) + "\n"
        if self._closed:
            raise ValueError(f"the recording of {self._path} was closed")
        if self._file is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._file = os.fdopen(os.open(self._path, flags, 0o600), "w", encoding="ascii")
            rules = self.rules
            first = {
                "cassette": _VERSION,
                "protocol": rules.protocol,
                "bodies": rules.bodies,
                "params": sorted(rules.params),
            }
            lines = json.dumps(first) + "\n" + lines
        self._file.write(lines)
        self._file.flush()

    def close(self) -> None:
        """
        It is recorded.
        """
        self._closed = True
        if self._file is not None:
            self._file.close()


class Playback:
    """
    What a cassette answers: to each request what was answered to one like it, in the order in which
    it was recorded.

    @ivar rules: What was kept.
    """

    def __init__(self, path: str, scrub: Scrub | None = None) -> None:
        """
        @param scrub: The one with which it was recorded.
        @raise OSError: If it can't be read.
        @raise BadCassette: If it is none; says in which line, and why.
        """
        try:
            with open(path, "rb") as file:
                lines = file.read().splitlines()
        except FileNotFoundError as error:
            raise FileNotFoundError(error.errno, _NOT_RECORDED, path) from error
        first, *others = [_line(path, *each) for each in enumerate(lines, 1)] or [{}]
        if first.get("cassette") != _VERSION:
            raise BadCassette(
                f"{path} is not a cassette of version {_VERSION}: delete the file, and record it "
                "again"
            )
        try:
            self.rules = Rules(
                known(first["protocol"]),
                first["bodies"] is True,
                frozenset(first["params"]),
                scrub or Rules.scrub,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise _bad(path, 1, error) from error
        self._answers: dict[str, deque[Answer]] = {}
        for number, entry in enumerate(others, 2):
            try:
                self._add(entry)
            except (KeyError, TypeError, ValueError) as error:
                raise _bad(path, number, error) from error
        self._path = path
        uris = (str(uriIn(entry["params"]) or "(no path)") for entry in others)
        self._paths = list(dict.fromkeys(uris))
        if not others:
            raise BadCassette(f"{path} has 0 answers: delete the file, and record it again")

    def check(self, rules: Rules) -> None:
        """
        See whether the cassette has what is wanted of it.

        @raise BadCassette: If not; the message names the difference.
        """
        own = self.rules
        found = ""
        if own.protocol != rules.protocol:
            found = f"was recorded over {own.protocol}, and {rules.protocol} is wanted"
        elif rules.bodies and not own.bodies:
            found = "was recorded without bodies, and bodies=True is wanted"
        elif rules.params - own.params:
            names = ", ".join(sorted(rules.params - own.params))
            found = f"was recorded without the params {names}, which are wanted"
        if found:
            raise BadCassette(f"{self._path} {found}: delete the file, and record it again")

    def describe(self) -> str:
        """
        What the cassette has, for a message about a request that it does not have.
        """
        paths = ", ".join(self._paths[:_NAMED]) + (", ..." if self._paths[_NAMED:] else "")
        return f"no answer is left for it in {self._path}, which has answers for {paths}"

    def _add(self, entry: Mapping[str, Any]) -> None:
        params, role = entry["params"], entry["role"]
        if not isinstance(params, dict) or not isinstance(role, int):
            raise TypeError("params are an object, and role is a number")
        stdin = entry["stdin"]
        body = None if stdin is None else _fromJSON(stdin)
        answer = Answer(
            stdout=_fromJSON(entry["stdout"]),
            stderr=_fromJSON(entry["stderr"]),
            appStatus=_status(entry["appStatus"], 0xFFFFFFFF),
            protocolStatus=_status(entry["protocolStatus"], 255),
        )
        self._answers.setdefault(self.rules.key(role, params, body), deque()).append(answer)

    def __call__(self, called: Called) -> Answer | None:
        answers = self._answers.get(self.rules.keyOf(called))
        return answers.popleft() if answers else None


def _line(path: str, number: int, line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
        if not isinstance(found, dict):
            raise TypeError(f"{found!r:.80} is not an object")
    except (TypeError, ValueError) as error:
        raise _bad(path, number, error) from error
    return found


def _bad(path: str, number: int, error: Exception) -> BadCassette:
    return BadCassette(
        f"{path}, line {number}: {type(error).__name__}: {error}: delete the file, and record it "
        "again"
    )


def _status(value: object, most: int) -> int:
    if not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"{value!r} is not a status, 0 to {most}")
    return value


def _asJSON(data: bytes | None) -> str | dict[str, str] | None:
    """
    Bytes as text where they are text, for cassettes are read by people.
    """
    if data is None:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


def _fromJSON(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8")
    if isinstance(value, dict) and isinstance(value.get("base64"), str):
        try:
            return base64.b64decode(value["base64"], validate=True)
        except NoBase64 as error:
            raise ValueError(f"it has bytes that are not base64: {error}") from error
    raise TypeError(f"{value!r:.80} is neither text nor base64")


def rulesFor(protocol: str, bodies: bool, params: Iterable[str], scrub: Scrub | None) -> Rules:
    """
    What of a conversation is to be kept.

    @raise ValueError: If the protocol is unknown.
    @raise TypeError: If C{params} is a single name.
    """
    if isinstance(params, str):
        raise TypeError(f"params are names, not one: give [{params!r}]")
    return Rules(known(protocol), bodies, frozenset(params), scrub or Rules.scrub)
