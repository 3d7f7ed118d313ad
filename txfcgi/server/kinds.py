"""
Recognizing programs that were written for another interface than that of an app, without calling
them, and how each is served.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Kind:
    """
    A kind of program.

    @ivar what: Its name in messages.
    @ivar option: The option of C{twistd fcgi} that serves it.
    @ivar adapter: The class that makes an app of it, or nothing for an app.
    @ivar arguments: How many arguments it is called with; L{None} if it is not called.
    """

    what: str
    option: str
    adapter: str
    arguments: int | None = None


APP: Final = Kind("an app", "--app", "", 1)
WSGI: Final = Kind("a WSGI application", "--wsgi", "txfcgi.adapters.wsgi.WSGIApp", 2)
ASGI: Final = Kind("an ASGI application", "--asgi", "txfcgi.adapters.asgi.ASGIApp", 3)
RESOURCE: Final = Kind(
    "a twisted.web resource", "--resource", "txfcgi.adapters.resource.ResourceApp"
)
SITE: Final = Kind("a twisted.web site", "--resource", "txfcgi.adapters.resource.ResourceApp")
KLEIN: Final = Kind("a Klein app", "--resource", "txfcgi.adapters.resource.ResourceApp")


def kindOf(thing: object) -> Kind | None:
    """
    Tell the kind of a program. If it could be of several kinds, the first of these counts: an app,
    WSGI, ASGI.

    @return: The kind, or L{None} if it is of no known kind, or can't be told.
    """
    for name, attribute, kind in (
        ("twisted.web.server", "Site", SITE),
        ("klein", "Klein", KLEIN),
    ):
        # No object can be one of these if the module was not imported.
        made = getattr(sys.modules.get(name), attribute, None)
        if made is not None and isinstance(thing, made):
            return kind
    web = sys.modules.get("twisted.web.resource")
    if web is not None and web.IResource.providedBy(thing):
        return RESOURCE
    return next((kind for kind in (APP, WSGI, ASGI) if takes(thing, kind.arguments)), None)


def takes(thing: object, arguments: int | None) -> bool:
    """
    Whether something can be called with so many arguments. If that can't be told, it can.
    """
    if arguments is None or not callable(thing):
        return False
    try:
        signature = inspect.signature(thing, follow_wrapped=False)
    except (TypeError, ValueError):
        return True  # written in C, perhaps: only a call would tell
    try:
        signature.bind(*range(arguments))
    except TypeError:
        return False
    return True


def argumentsOf(function: Callable[..., object]) -> str:
    """
    A function's arguments, in parentheses, without their types.
    """
    signature = inspect.signature(function, follow_wrapped=False)
    arguments = [each.replace(annotation=each.empty) for each in signature.parameters.values()]
    return str(signature.replace(parameters=arguments, return_annotation=signature.empty))


def howToServe(thing: object) -> str:
    """
    How something that is not an app can be served.

    @return: A sentence, or an empty string if it can't be served.
    """
    kind = kindOf(thing)
    if kind is None or kind is APP:
        return ""
    module, _, name = kind.adapter.rpartition(".")
    made = "app.resource()" if kind is KLEIN else "..."
    return (
        f"It looks like {kind.what}: serve it with {kind.option}, or make an app of it with "
        f"{name}({made}) of {module}"
    )
