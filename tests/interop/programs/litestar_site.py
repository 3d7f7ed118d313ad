"""
A Litestar site: cookies, uploads, an answer in pieces, and a page that fails.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

from litestar import Litestar, MediaType, Request, get, post
from litestar.datastructures import Cookie, UploadFile
from litestar.enums import RequestEncodingType
from litestar.logging import LoggingConfig
from litestar.params import Body
from litestar.response import Redirect, Stream

Fields = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]
Files = Annotated[dict[str, UploadFile], Body(media_type=RequestEncodingType.MULTI_PART)]


@get("/hello/{name:str}")
async def hello(name: str, request: Request[Any, Any, Any]) -> dict[str, str]:
    """
    Say where this is.
    """
    return {"script": request.scope["root_path"], "path": f"/hello/{name}"}


@post("/login", status_code=303)
async def login(data: Fields) -> Redirect:
    """
    Remember who it is.
    """
    cookie = Cookie("who", value=data["who"].encode().hex())
    return Redirect("who", status_code=303, cookies=[cookie])


@get("/who", media_type=MediaType.TEXT)
async def who(request: Request[Any, Any, Any]) -> str:
    """
    Say who it is.
    """
    return f"{bytes.fromhex(request.cookies['who']).decode()}\n"


@post("/upload", media_type=MediaType.TEXT, status_code=200)
async def upload(data: Files) -> str:
    """
    Take a file.
    """
    digest = hashlib.sha256()
    while piece := await data["file"].read(65_536):
        digest.update(piece)
    return digest.hexdigest()


@get("/stream")
async def stream() -> Stream:
    """
    Answer in pieces.
    """

    async def pieces() -> AsyncIterator[str]:
        for number in range(1_000):
            yield f"{number:09}\n"

    return Stream(pieces(), media_type="text/plain")


@get("/fail")
async def fail() -> None:
    """
    Fail.
    """
    raise ValueError("as it has to")


application = Litestar(
    [hello, login, who, upload, stream, fail],
    logging_config=LoggingConfig(log_exceptions="always"),
    request_max_body_size=1 << 30,
)
