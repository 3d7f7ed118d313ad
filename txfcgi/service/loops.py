"""
The reactor for an ASGI application: it runs in an asyncio loop, of asyncio or uvloop.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Final

from .errors import NoLoop

LOOPS: Final = ("asyncio", "uvloop")


def installLoop(kind: str, remedy: str) -> None:
    """
    Install the asyncio reactor, unless it is installed. Call this before anything imports
    C{twisted.internet.reactor}.

    @param kind: C{"asyncio"} or C{"uvloop"}.
    @param remedy: What to do if another reactor is installed: a sentence for the message.
    @raise NoLoop: Another reactor is installed, or uvloop is missing. The message says what works.
    """
    from twisted.internet.asyncioreactor import AsyncioSelectorReactor

    installed = sys.modules.get("twisted.internet.reactor")
    if isinstance(installed, AsyncioSelectorReactor):
        if kind != "asyncio":
            raise NoLoop(
                f"--loop {kind}: a reactor with another loop is already installed. {remedy}"
            )
        return
    if installed is not None:
        raise NoLoop(
            f"an asyncio loop is needed, and {type(installed).__name__} has none. {remedy}"
        )
    loop = _newLoop(kind)
    asyncio.set_event_loop(loop)
    from twisted.internet import asyncioreactor

    asyncioreactor.install(loop)


def _newLoop(kind: str) -> asyncio.AbstractEventLoop:
    if kind == "asyncio":
        return asyncio.new_event_loop()
    try:
        import uvloop
    except ImportError as error:
        raise NoLoop(
            f"--loop uvloop: uvloop is not installed ({error}): pip install uvloop"
        ) from error
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
