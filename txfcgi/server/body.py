"""
Reading the body of a request as JSON, or as a form with files.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterable
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any, Final

from ..errors import BodyTooLarge, MalformedBody, StreamClosed, UnsupportedBody
from ..streams import InputStream
from ..streams.spool import SpoolBudget
from .fields import Fields, parseFields

if TYPE_CHECKING:
    from multipart import MultipartSegment

URLENCODED: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"

#: Bytes of a body, or of the files of one form, that are kept in memory.
MEMORY: Final = 524_288


@dataclass(frozen=True, kw_only=True)
class FormLimits:
    """
    How much a form may have at most. A request with more is answered with 413.

    @ivar bytes: The length of the whole body, in bytes.
    @ivar fieldBytes: The length of all values together, in bytes, except for files. They are kept
        in memory.
    @ivar fields: The number of fields, files among them.
    @ivar files: The number of files: each may take a file descriptor.
    """

    bytes: int = 104_857_600
    fieldBytes: int = 2_097_152
    fields: int = 1_000
    files: int = 100

    def __post_init__(self) -> None:
        """
        @raise ValueError: If one of them can't be a limit.
        """
        for name, value in vars(self).items():
            if type(value) is not int or value < 0:
                raise ValueError(f"FormLimits({name}=...) is a whole number, not {value!r:.80}")


@dataclass
class UploadedFile:
    """
    A file that was uploaded with a form. It is deleted when the request is over.

    @ivar name: The name of the field.
    @ivar filename: The name that the browser sent. It may be any text: never use it as a path.
    @ivar contentType: The media type that the browser sent, or L{None}.
    @ivar size: Its length in bytes.
    @ivar file: The content, as an open file at its beginning.
    """

    name: str
    filename: str
    contentType: str | None
    size: int = 0
    file: SpooledTemporaryFile[bytes] = field(
        default_factory=lambda: SpooledTemporaryFile(MEMORY), repr=False
    )


class Form(Fields):
    """
    A form that a browser sent: its values by name, and its files.

    @ivar files: The files, in their order.
    """

    __slots__ = ("_budget", "files")

    def __init__(
        self,
        fields: Fields,
        files: tuple[UploadedFile, ...] = (),
        budget: SpoolBudget | None = None,
    ) -> None:
        """
        @param budget: What the bytes of the files were taken from.
        """
        super().__init__(fields.pairs)
        self.files = files
        self._budget = budget

    def file(self, name: str) -> UploadedFile | None:
        """
        The first file of a field, or L{None} if the field has none.
        """
        return next((file for file in self.files if file.name == name), None)

    def close(self) -> None:
        """
        Let go of the files. That is done by itself when the request is over.
        """
        files, self.files = self.files, ()
        for file in files:
            file.file.close()
            if self._budget is not None:
                self._budget.release(file.size)


async def readJSON(stream: InputStream) -> Any:
    """
    Read a body as JSON.

    @raise MalformedBody: If it is not JSON.
    @raise ReadTooLarge: If it has more bytes than a read may collect.
    """
    body = await stream.read()
    if not body:
        _complainOfNothing(stream)
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedBody(f"the body is not JSON: {error}") from error


def _complainOfNothing(stream: InputStream) -> None:
    """
    @raise StreamClosed: If a body was there, and was read before.
    @raise MalformedBody: If none was there.
    """
    if stream.received:
        raise StreamClosed("the body was read before")
    raise MalformedBody("the body is empty, not JSON")


async def readForm(
    stream: InputStream, contentType: str, limits: FormLimits, budget: SpoolBudget
) -> Form:
    """
    Read a body as a form: C{application/x-www-form-urlencoded} or C{multipart/form-data} (RFC
    7578).

    @param contentType: The Content-Type of the request.
    @param budget: What the bytes of files are taken from.
    @raise UnsupportedBody: If it is something else.
    @raise MalformedBody: If it is not what it says.
    @raise BodyTooLarge: If it has more than the limits allow.
    @raise Overloaded: If the files of all requests have more than is allowed.
    """
    kind, _, _ = contentType.partition(";")
    kind = kind.strip().lower()
    if stream.length == 0 and not kind:
        return Form(Fields())
    if kind == URLENCODED:
        text = await _collect(stream, min(limits.bytes, limits.fieldBytes))
        return Form(parseFields(text, "form", limits.fields))
    if kind == MULTIPART:
        return await _Multipart(contentType, limits, budget).read(stream)
    raise UnsupportedBody(f"a form is {URLENCODED} or {MULTIPART}, and this is {kind or 'neither'}")


async def _collect(stream: AsyncIterable[bytes], most: int) -> str:
    pieces: list[bytes] = []
    size = 0
    async for piece in stream:
        size += len(piece)
        if size > most:
            raise BodyTooLarge(f"the form has more than {most} bytes")
        pieces.append(piece)
    return b"".join(pieces).decode("utf-8", "surrogateescape")


class _Multipart:
    """
    A C{multipart/form-data} body that is read.
    """

    def __init__(self, contentType: str, limits: FormLimits, budget: SpoolBudget) -> None:
        try:
            import multipart
        except ImportError as error:
            raise ImportError(
                f"forms with files need the package multipart: pip install txfcgi[forms] ({error})"
            ) from error
        self._multipart = multipart
        self._limits = limits
        self._budget = budget
        self._pairs: list[tuple[str, str]] = []
        self._files: list[UploadedFile] = []
        self._value: list[bytes] | None = None
        self._name = ""
        self._left = limits.fieldBytes
        self._memory = MEMORY
        _, options = multipart.parse_options_header(contentType)
        boundary = options.get("boundary")
        if not boundary:
            raise MalformedBody(f"the Content-Type {contentType!r:.200} has no boundary")
        try:
            self._parser = multipart.PushMultipartParser(
                boundary, max_segment_count=limits.fields, header_charset="utf8"
            )
        except multipart.MultipartError as error:
            raise MalformedBody(f"the boundary of the form is wrong: {error}") from error

    async def read(self, stream: InputStream) -> Form:
        """
        Read it to its end.
        """
        size = 0
        try:
            async for piece in stream:
                size += len(piece)
                if size > self._limits.bytes:
                    raise BodyTooLarge(f"the form has more than {self._limits.bytes} bytes")
                self._take(piece)
            self._parser.close()
        except self._multipart.ParserLimitReached as error:
            self._drop()
            raise BodyTooLarge(f"the form is too large: {error}") from error
        except self._multipart.MultipartError as error:
            self._drop()
            raise MalformedBody(f"the form can't be read: {error}") from error
        except BaseException:
            self._drop()
            raise
        chosen = []
        for file in self._files:
            file.file.seek(0)
            if file.filename or file.size:
                chosen.append(file)
            else:  # browsers send a file without a name if none was chosen
                file.file.close()
        return Form(Fields(self._pairs), tuple(chosen), self._budget)

    def _take(self, piece: bytes) -> None:
        for event in self._parser.parse(piece):
            if event is None:
                if self._value is not None:
                    value = b"".join(self._value).decode("utf-8", "surrogateescape")
                    self._pairs.append((self._name, value))
                self._value = None
            elif isinstance(event, self._multipart.MultipartSegment):
                self._begin(event)
            elif self._value is not None:
                self._left -= len(event)
                if self._left < 0:
                    raise BodyTooLarge(
                        f"the values of the form have more than {self._limits.fieldBytes} bytes"
                    )
                self._value.append(bytes(event))
            else:
                self._write(self._files[-1], event)

    def _begin(self, segment: MultipartSegment) -> None:
        self._name = segment.name or ""
        if segment.filename is None:
            self._value = []
        elif len(self._files) >= self._limits.files:
            raise BodyTooLarge(f"the form has more than {self._limits.files} files")
        else:
            file = UploadedFile(self._name, segment.filename, segment.content_type)
            self._files.append(file)

    def _write(self, file: UploadedFile, data: bytes | bytearray) -> None:
        self._budget.take(len(data))
        file.size += len(data)
        self._memory -= len(data)
        if self._memory < 0:
            file.file.rollover()
        file.file.write(data)

    def _drop(self) -> None:
        """
        Let go of what was read so far.
        """
        Form(Fields(), tuple(self._files), self._budget).close()
