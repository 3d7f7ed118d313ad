"""
From the name of an app, C{mod.fn}, to what has that name.

A name can fail in two ways that need two answers: there is nothing of that name, or there is and it
failed when it was imported. The second keeps its own traceback, as the mistake is in a file of the
user's.
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
    Find an app, or what one can be made of, by its name.

    @param name: C{"mod.fn"}, C{"package.mod.fn"}, C{"mod.object.method"}; or with a colon where the
        module ends, C{"mod:fn"}.
    @param directory: Where modules are looked for first. It becomes the first entry of C{sys.path}.

    @return: What has that name.

    @raise CannotLoad: There is no such module or attribute, or the module failed to import.
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
    Call what makes an app.

    @param name: Its name, for messages.

    @return: What it makes.

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
    Import as much of a name as is a module.

    @param name: The name of an app.
    @param directory: Where it is looked for, for the message.

    @return: The module, and the names that lead on from it.

    @raise CannotLoad: None of it is a module, or one failed to import.
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
    @param name: What does not name an app, such as C{"./hello.py"} or C{"hello"}.

    @return: The module that may have been meant.
    """
    stem = os.path.basename(name).partition(":")[0].removesuffix(".py")
    return stem if stem.isidentifier() else "hello"


def _meant(name: str, there: Sequence[str]) -> str:
    """
    @param name: What was not found.
    @param there: The names that there are.

    @return: Which of them may have been meant, or nothing.
    """
    near = difflib.get_close_matches(name, there, 1)
    return f"; did you mean {near[0]}?" if near else ""


def _isMissing(error: BaseException, moduleName: str) -> bool:
    """
    Does this error say that the module itself is not there, rather than one that it imports?

    @param error: What the import raised.
    @param moduleName: The module that was to be imported.

    @return: Whether the module, or a package that it would be in, is missing.
    """
    return isinstance(error, ModuleNotFoundError) and f"{moduleName}.".startswith(f"{error.name}.")


def _ownTraceback(error: BaseException) -> str:
    """
    Format a traceback without the frames between this module and the user's.

    @param error: What the import raised.

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
    Name what was found so far, and its file: a module of the same name elsewhere is the usual
    reason.

    @param module: The module.
    @param attributes: The names followed from there.

    @return: The name, such as C{"the module hello (/srv/hello.py)"}.
    """
    file = getattr(module, "__file__", None) or "built in"
    if attributes:
        return f"{'.'.join([module.__name__, *attributes])} ({file})"
    return f"the module {module.__name__} ({file})"
