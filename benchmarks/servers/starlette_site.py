"""
A site in Starlette, with routes and a middleware, of which one page is asked for.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route


async def index(request: Request) -> Response:
    """
    A page.
    """
    return PlainTextResponse("Index")


async def item(request: Request) -> Response:
    """
    A page with a number in its path.
    """
    return JSONResponse({"number": request.path_params["number"]})


async def hello(request: Request) -> Response:
    """
    The page that is asked for: it looks at a cookie and a header.
    """
    assert request.cookies["session"]
    assert request.headers["User-Agent"]
    return PlainTextResponse("Hello from the other end, world\n")


application = Starlette(
    routes=[
        Route("/", index),
        Route("/items/{number:int}", item),
        Route("/hello", hello),
    ],
    middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["*"])],
)
