"""
The media types of files. What the web is made of has the same one on every machine; for the rest,
C{/etc/mime.types} is asked, if it is there.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from twisted.web.static import File, getTypeAndEncoding

DEFAULT: Final = "application/octet-stream"

_OFFICE: Final = "application/vnd.openxmlformats-officedocument."

_TYPES: Final = {
    "text/html": "html htm shtml",
    "text/css": "css",
    "text/javascript": "js mjs",
    "text/plain": "txt log conf ini",
    "text/xml": "xml xsl",
    "text/csv": "csv",
    "text/markdown": "md",
    "text/calendar": "ics",
    "text/vtt": "vtt",
    "application/json": "json map",
    "application/ld+json": "jsonld",
    "application/manifest+json": "webmanifest",
    "application/atom+xml": "atom",
    "application/rss+xml": "rss",
    "application/xhtml+xml": "xhtml",
    "application/wasm": "wasm",
    "application/pdf": "pdf",
    "application/zip": "zip",
    "application/x-7z-compressed": "7z",
    "application/x-tar": "tar",
    "application/gzip": "tgz",
    "application/epub+zip": "epub",
    "application/rtf": "rtf",
    "application/msword": "doc",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.ms-fontobject": "eot",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.apple.mpegurl": "m3u8",
    f"{_OFFICE}wordprocessingml.document": "docx",
    f"{_OFFICE}spreadsheetml.sheet": "xlsx",
    f"{_OFFICE}presentationml.presentation": "pptx",
    "font/woff": "woff",
    "font/woff2": "woff2",
    "font/ttf": "ttf",
    "font/otf": "otf",
    "image/png": "png",
    "image/jpeg": "jpg jpeg",
    "image/gif": "gif",
    "image/svg+xml": "svg",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/apng": "apng",
    "image/bmp": "bmp",
    "image/tiff": "tif tiff",
    "image/x-icon": "ico",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/aac": "aac",
    "audio/ogg": "ogg oga opus",
    "audio/wav": "wav",
    "audio/flac": "flac",
    "video/mp4": "mp4 m4v",
    "video/mpeg": "mpg mpeg",
    "video/ogg": "ogv",
    "video/webm": "webm",
    "video/quicktime": "mov",
    "video/mp2t": "ts",
    "video/x-msvideo": "avi",
}

_typeOf: Final = MappingProxyType(
    File.contentTypes
    | {f".{suffix}": kind for kind, suffixes in _TYPES.items() for suffix in suffixes.split()}
)


def mediaType(name: str) -> tuple[str, str | None]:
    """
    @param name: The name of a file.

    @return: Its media type, and its Content-Encoding if it has one.
    """
    kind, encoding = getTypeAndEncoding(name, _typeOf, File.contentEncodings, DEFAULT)
    return kind, encoding
