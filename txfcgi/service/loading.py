"""
From the name of an app, C{mod.fn}, to the object.

A name can fail in two ways that need different messages: the object does not exist, or its module
failed when it was imported. The second keeps its own traceback, as the mistake is in the user's
file.
"""

from __future__ import annotations

import difflib
import os
import pkgutil
import sys
from collections.abc import Sequence
from importlib import import_module
from traceback import StackSummary, TracebackException
from types import ModuleType
from typing import Any

from .errors import CannotLoad


def loadObject(name: str, directory: str) -> Any:
    """
    Load an app, or another object to serve, by its name.

    @param name: C{"mod.fn"}, C{"package.mod.fn"}, C{"mod.object.method"}; or with a colon after the
        module, C{"mod:fn"}.
    @param directory: The directory to search for modules first. It becomes the first entry of
        C{sys.path}.

    @return: The object.

    @raise CannotLoad: The module or attribute does not exist, or the module failed to import.
    """
    directory = os.path.abspath(directory)
    if sys.path[:1] != [directory]:
        sys.path.insert(0, directory)
    module, attributes = _importLongest(name, directory)
    found: Any = module
    for position, attribute in enumerate(attributes):
        try:
            found = getattr(found, attribute)
        except AttributeError:
            where = _describe(module, attributes[:position])
            hint = (
                f": name the function, not the file, such as {module.__name__}.app"
                if attribute == "py"
                else _meant(attribute, dir(found))
            )
            raise CannotLoad(f"{name}: {where} has no {attribute!r}{hint}") from None
    return found


def callFactory(name: str, factory: Any) -> object:
    """
    Call a factory (C{--factory}).

    @param name: Its name, for messages.

    @return: The app that it returns.

    @raise CannotLoad: It can't be called without arguments, or it fails.
    """
    if not callable(factory):
        raise CannotLoad(f"{name} is of type {type(factory).__name__} and can't be called")
    try:
        made: object = factory()
    except (Exception, SystemExit) as error:
        raise CannotLoad(
            f"{name} failed when called (--factory):\n\n{_ownTraceback(error)}"
        ) from error
    return made


def _importLongest(name: str, directory: str) -> tuple[ModuleType, list[str]]:
    """
    Import the longest part of a name that is a module.

    @param name: The name of an app.
    @param directory: The searched directory, for the message.

    @return: The module, and the remaining names.

    @raise CannotLoad: No part is a module, or a module failed to import.
    """
    moduleName, colon, rest = name.partition(":")
    parts = moduleName.split(".")
    attributes = rest.split(".") if colon else []
    if not colon and len(parts) > 1:
        attributes.insert(0, parts.pop())
    if not all(part.isidentifier() for part in [*parts, *attributes]) or not attributes:
        raise CannotLoad(
            f"{name!r} does not name an app: give a module and a function in it, such as "
            f"{_stem(name)}.app or {_stem(name)}:app"
        )
    while True:
        moduleName = ".".join(parts)
        try:
            return import_module(moduleName), attributes
        except (Exception, SystemExit) as error:
            if not _isMissing(error, moduleName):
                raise CannotLoad(
                    f"{name}: the module {moduleName} failed when it was imported:\n\n"
                    f"{_ownTraceback(error)}"
                ) from error
        if colon or len(parts) == 1:
            raise CannotLoad(
                f"{name}: module {moduleName!r} not found in {directory} or on Python's path"
                + _meant(moduleName, [found.name for found in pkgutil.iter_modules([directory])])
            )
        attributes.insert(0, parts.pop())


def _stem(name: str) -> str:
    """
    @param name: A wrong name, such as C{"./hello.py"} or C{"hello"}.

    @return: The module to suggest.
    """
    stem = os.path.basename(name).partition(":")[0].removesuffix(".py")
    return stem if stem.isidentifier() else "hello"


def _meant(name: str, there: Sequence[str]) -> str:
    """
    @param name: A name that was not found.
    @param there: The existing names.

    @return: A suggestion, or an empty string.
    """
    near = difflib.get_close_matches(name, there, 1)
    return f"; did you mean {near[0]}?" if near else ""


def _isMissing(error: BaseException, moduleName: str) -> bool:
    """
    Whether the module itself does not exist, rather than one that it imports.

    @param error: The exception of the import.
    @param moduleName: The module to import.

    @return: Whether the module or its package is missing.
    """
    return isinstance(error, ModuleNotFoundError) and f"{moduleName}.".startswith(f"{error.name}.")


def _ownTraceback(error: BaseException) -> str:
    """
    Format a traceback without the frames between this module and the user's.

    @param error: The exception of the import.

    @return: The traceback, without a line end after it.
    """
    formatted = TracebackException.from_exception(error)
    formatted.stack = StackSummary.from_list(
        [
            frame
            for frame in formatted.stack
            if frame.filename not in (__file__, import_module.__code__.co_filename)
            and not frame.filename.startswith("<frozen importlib")
        ]
    )
    lines = formatted.format() if formatted.stack else formatted.format_exception_only()
    return "".join(lines).rstrip("\n")


def _describe(module: ModuleType, attributes: list[str]) -> str:
    """
    Describe what was found so far, with its file: the usual mistake is another module of the same
    name.

    @param module: The module.
    @param attributes: The names found in it.

    @return: The name, such as C{"the module hello (/srv/hello.py)"}.
    """
    file = getattr(module, "__file__", None) or "built in"
    if attributes:
        return f"{'.'.join([module.__name__, *attributes])} ({file})"
    return f"the module {module.__name__} ({file})"
