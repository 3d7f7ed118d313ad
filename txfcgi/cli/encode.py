"""
C{txfcgi encode}: turns records in text or JSON into the bytes that go over the wire.
"""

from __future__ import annotations

import json
import shlex
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any, Final

from ..errors import TxFCGIError
from ..wire.pairs import encodePair
from ..wire.records import (
    BEGIN_BODY,
    END_BODY,
    KEEP_CONN,
    ProtocolStatus,
    RecordType,
    Role,
    encodeRecord,
)
from ..wire.scgicodec import encodeHeaderList
from .arguments import Commands
from .console import FAILED, OK, Console

_ABOUT: Final = """Write FastCGI records as they go over the wire. The file has one record in each
line, or is a JSON list of objects with the same names (params is an object,
names a list):
  BEGIN_REQUEST id=N role=RESPONDER keep
  PARAMS id=N NAME=VALUE ...        also GET_VALUES_RESULT
  STDIN id=N content=TEXT           or hex=DIGITS; also other streams, any type
  END_REQUEST id=N appStatus=N protocolStatus=OVERLOADED
  GET_VALUES NAME ...
  UNKNOWN_TYPE unknown=N
An empty stream record ends the stream. A type may be a number. Every record may
have padding=N; by default, records are padded to a multiple of 8 bytes. Lines
that begin with # are comments. Words are quoted as in a shell.
"""
_EXAMPLES: Final = """examples:
  printf 'GET_VALUES FCGI_MPXS_CONNS\\n' | txfcgi encode - | txfcgi dump -
  txfcgi encode request.txt | nc -U /run/app.sock | txfcgi dump -
    where request.txt has
      BEGIN_REQUEST id=1 role=RESPONDER
      PARAMS id=1 REQUEST_METHOD=GET 'REQUEST_URI=/a b'
      PARAMS id=1
      STDIN id=1
  echo '[{"type": "STDIN", "id": 1, "content": "abc"}]' | txfcgi encode --hex -
  txfcgi encode --scgi headers.txt
    where headers.txt has NAME=VALUE lines, or is a JSON object
"""

_PAIRS: Final = (RecordType.PARAMS, RecordType.GET_VALUES_RESULT)
_FIELDS: Final[dict[int, tuple[str, ...]]] = {
    RecordType.BEGIN_REQUEST: ("role", "keep"),
    RecordType.END_REQUEST: ("appStatus", "protocolStatus"),
    RecordType.PARAMS: ("params",),
    RecordType.GET_VALUES: ("names",),
    RecordType.GET_VALUES_RESULT: ("params",),
    RecordType.UNKNOWN_TYPE: ("unknown",),
}
_ANY: Final = ("type", "id", "padding", "content", "hex")


def add(commands: Commands) -> None:
    """
    Add the command.
    """
    parser = commands.add(
        "encode",
        run,
        help="write records, from text or JSON, as they go over the wire",
        about=_ABOUT,
        examples=_EXAMPLES,
    )
    parser.add_argument("file", help="the records; - for stdin")
    parser.add_argument("--hex", action="store_true", help="write them in hexadecimal")
    parser.add_argument("--scgi", action="store_true", help="write the headers of an SCGI request")


async def run(reactor: Any, args: Namespace, console: Console) -> int:
    """
    Write them.
    """
    try:
        data = sys.stdin.buffer.read() if args.file == "-" else Path(args.file).read_bytes()
        text = data.decode("utf-8", "surrogateescape")
        encoded = _headers(text) if args.scgi else records(text)
    except (OSError, ValueError, TxFCGIError) as error:
        console.say(f"txfcgi encode: {args.file}: {error}")
        return FAILED
    console.write(encoded.hex().encode() + b"\n" if args.hex else encoded)
    return OK


def records(text: str) -> bytes:
    """
    The bytes of records.

    @param text: One in each line, or a JSON list.
    @raise ValueError: If one of them is not a record; the message says which.
    """
    if text.lstrip()[:1] in ("[", "{"):
        listed = _json(text)
        described = [("record", number, each) for number, each in enumerate(listed, 1)]
    else:
        described = []
        for number, line in enumerate(text.splitlines(), 1):
            if line.startswith("#"):
                continue
            try:
                words = shlex.split(line)
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from error
            if words:
                described.append(("line", number, _parsed(words)))
    if not described:
        raise ValueError("it has no records")
    encoded = []
    for what, number, each in described:
        try:
            encoded.append(_encoded(each))
        except (ValueError, TxFCGIError) as error:
            raise ValueError(f"{what} {number}: {error}") from error
    return b"".join(encoded)


def _json(text: str) -> list[Any]:
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    return found if isinstance(found, list) else [found]


def _parsed(words: list[str]) -> dict[str, Any]:
    """
    Parse a line into the form of a JSON object.
    """
    kind = words[0]
    found: dict[str, Any] = {"type": int(kind) if kind.isdecimal() else kind}
    pairs: list[tuple[str, str]] = []
    names: list[str] = []
    number = RecordType.__members__.get(kind)
    own = (*_ANY, *(_FIELDS.get(number, ()) if number is not None else ()))
    for word in words[1:]:
        name, equals, value = word.partition("=")
        if equals and name in own and name not in ("params", "names"):
            found[name] = value
        elif equals and number in _PAIRS:
            pairs.append((name, value))
        elif number is RecordType.GET_VALUES:
            names.append(word)
        elif word == "keep":
            found["keep"] = True
        else:
            found[word] = None  # an error names it later
    if pairs:
        found["params"] = pairs
    if names:
        found["names"] = names
    return found


def _encoded(record: object) -> bytes:
    """
    @raise ValueError: If it is not a record.
    """
    if not isinstance(record, dict):
        raise ValueError(f"a record is an object with a type, not {record!r:.80}")
    kind = record.get("type")
    if isinstance(kind, str):
        if kind not in RecordType.__members__:
            known = ", ".join(RecordType.__members__)
            raise ValueError(f"unknown record type {kind!r:.80}: use {known}, or a number")
        number = int(RecordType[kind])
    else:
        number = _number(record, "type", 255, None)
    allowed = (*_ANY, *_FIELDS.get(number, ()))
    for name in record:
        if name not in allowed:
            raise ValueError(f"{name!r:.80} does not belong to this type: {', '.join(allowed)} do")
    requestID = _number(record, "id", 65_535, 0)
    padding = _number(record, "padding", 255, -1)
    return encodeRecord(number, requestID, _content(number, record), padding)


def _content(number: int, record: dict[str, Any]) -> bytes:
    given = [name for name in ("content", "hex") if name in record]
    own = [name for name in _FIELDS.get(number, ()) if name in record]
    if len(given) + bool(own) > 1:
        raise ValueError(f"{' and '.join([*given, *own])} set the same field")
    if "content" in record:
        return _bytes(record["content"], "content")
    if "hex" in record:
        if not isinstance(record["hex"], str):
            raise ValueError(f"hex must be text, not {record['hex']!r:.80}")
        return bytes.fromhex(record["hex"])
    if number == RecordType.BEGIN_REQUEST:
        role = _choice(record, "role", Role, Role.RESPONDER, 65_535)
        keep = record.get("keep", False)
        if not isinstance(keep, bool):
            raise ValueError(f"keep must be true or false, not {keep!r:.80}")
        return BEGIN_BODY.pack(role, KEEP_CONN if keep else 0)
    if number == RecordType.END_REQUEST:
        appStatus = _number(record, "appStatus", 0xFFFFFFFF, 0)
        status = _choice(
            record, "protocolStatus", ProtocolStatus, ProtocolStatus.REQUEST_COMPLETE, 255
        )
        return END_BODY.pack(appStatus, status)
    if number == RecordType.UNKNOWN_TYPE:
        return bytes((_number(record, "unknown", 255, 0), 0, 0, 0, 0, 0, 0, 0))
    if number == RecordType.GET_VALUES:
        names = record.get("names", [])
        if not isinstance(names, list):
            raise ValueError(f"names must be a list, not {names!r:.80}")
        return b"".join(encodePair(_bytes(name, "a name"), b"") for name in names)
    if number in _PAIRS:
        return b"".join(encodePair(*pair) for pair in _pairs(record.get("params", [])))
    return b""


def _pairs(params: object) -> list[tuple[bytes, bytes]]:
    """
    Params: an object, or a list of pairs.
    """
    pairs = list(params.items()) if isinstance(params, dict) else params
    if not isinstance(pairs, list):
        raise ValueError(f"params must be an object, or a list of pairs, not {params!r:.80}")
    found = []
    for pair in pairs:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise ValueError(f"a param must be a name and a value, not {pair!r:.80}")
        name, value = pair
        found.append((_bytes(name, "a name"), _bytes(value, f"the value of {name!r:.80}")))
    return found


def _bytes(text: object, what: str) -> bytes:
    if not isinstance(text, str):
        raise ValueError(f"{what} must be text, not {text!r:.80}")
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise ValueError(f"{what} has a character that can't be encoded: {error}") from error


def _number(record: dict[str, Any], name: str, most: int, default: int | None) -> int:
    value = record.get(name, default)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        value = int(value)
    if value == default and name not in record and default is not None:
        return default
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"{name} must be a number up to {most}, not {value!r:.80}")
    return value


def _choice(record: dict[str, Any], name: str, kind: Any, default: int, most: int) -> int:
    value = record.get(name, default)
    if isinstance(value, str) and value in kind.__members__:
        return int(kind[value])
    try:
        return _number(record, name, most, default)
    except ValueError:
        known = ", ".join(kind.__members__)
        raise ValueError(f"{name} must be {known}, or a number, not {value!r:.80}") from None


def _headers(text: str) -> bytes:
    """
    The headers of an SCGI request, unchecked.
    """
    if text.lstrip()[:1] in ("[", "{"):
        found = json.loads(text)
        return encodeHeaderList(_pairs(found))
    pairs = []
    for number, line in enumerate(text.splitlines(), 1):
        name, equals, value = line.partition("=")
        if equals:
            pairs.append((name, value))
        elif line.strip() and not line.startswith("#"):
            raise ValueError(f"line {number} is not NAME=VALUE: {line!r:.80}")
    return encodeHeaderList(pairs)
