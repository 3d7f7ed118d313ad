"""
A FastAPI site: what the others have, and what is ASGI's own: a lifespan with a state, work behind
an answer, and a browser that goes away.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import BackgroundTasks, Cookie, FastAPI, Form, Request, UploadFile
from fastapi.responses import PlainTextResponse, RedirectResponse, StreamingResponse

events: dict[str, asyncio.Event] = {}


def event(name: str) -> asyncio.Event:
    """
    What is waited for under a name.
    """
    return events.setdefault(name, asyncio.Event())


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    """
    Keep something for the requests.
    """
    print("the site has started", flush=True)
    yield {"kept": ["by the lifespan"]}
    print("the site has stopped", flush=True)


application = FastAPI(lifespan=lifespan)


@application.get("/hello/{name}")
async def hello(name: str, request: Request) -> dict[str, str]:
    """
    Say where this is.
    """
    script = request.scope["root_path"]
    return {"script": script, "path": request.scope["path"].removeprefix(script)}


@application.post("/login")
async def login(who: Annotated[str, Form()], request: Request) -> RedirectResponse:
    """
    Remember who it is.
    """
    response = RedirectResponse(request.url_for("sayWho"), 303)
    response.set_cookie("who", who.encode().hex())
    return response


@application.get("/who")
async def sayWho(who: Annotated[str, Cookie()]) -> PlainTextResponse:
    """
    Say who it is.
    """
    return PlainTextResponse(f"{bytes.fromhex(who).decode()}\n")


@application.post("/upload")
def upload(file: UploadFile) -> PlainTextResponse:
    """
    Take a file, in a thread.
    """
    digest = hashlib.sha256()
    while data := file.file.read(65_536):
        digest.update(data)
    return PlainTextResponse(digest.hexdigest())


@application.get("/stream")
@application.head("/stream")
async def stream() -> StreamingResponse:
    """
    Answer in pieces.
    """

    async def pieces() -> AsyncIterator[str]:
        for number in range(1_000):
            yield f"{number:09}\n"

    return StreamingResponse(pieces(), media_type="text/plain")


@application.get("/fail")
async def fail() -> None:
    """
    Fail.
    """
    raise ValueError("as it has to")


@application.get("/state")
async def state(request: Request) -> list[str]:
    """
    What the lifespan has kept.
    """
    kept: list[str] = request.state.kept
    return kept


@application.get("/background/{name}")
async def background(name: str, tasks: BackgroundTasks) -> PlainTextResponse:
    """
    Answer, and go on working until somebody comes.
    """

    async def work() -> None:
        await event(name).wait()
        event(f"{name} is done").set()

    tasks.add_task(work)
    return PlainTextResponse("answered\n")


@application.get("/endless/{name}")
async def endless(name: str) -> StreamingResponse:
    """
    Answer without end. It is told when nobody reads it any more.
    """

    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 65_536
                await asyncio.sleep(0)
        finally:
            event(name).set()

    return StreamingResponse(pieces(), media_type="text/plain")


@application.get("/quiet/{name}")
async def quiet(name: str, request: Request) -> None:
    """
    Never answer, and look whether the browser is still there.
    """
    event(f"{name} has come").set()
    message = await request.receive()
    while message["type"] != "http.disconnect":
        message = await request.receive()
    event(name).set()


@application.get("/set/{name}")
async def setEvent(name: str) -> None:
    """
    Let something happen.
    """
    event(name).set()


@application.get("/wait/{name}")
async def wait(name: str) -> PlainTextResponse:
    """
    Wait until something happens.
    """
    await event(name).wait()
    return PlainTextResponse("it has happened\n")
