"""
Checks of arguments as they are given, so that a mistake in one is told where it was made, and not
passed over.
"""

from __future__ import annotations

from collections.abc import Collection

from zope.interface import Interface


def checkChoice(name: str, value: object, choices: Collection[str]) -> None:
    """
    @raise ValueError: If an argument is not one of those that there are.
    """
    if value not in choices:
        known = ", ".join(map(repr, choices))
        raise ValueError(f"{name} is one of {known}, not {value!r:.80}")


def checkKind(name: str, value: object, kind: type) -> None:
    """
    @raise ValueError: If an argument is of another type.
    """
    if not isinstance(value, kind):
        wanted = "True or False" if kind is bool else f"{kind.__name__}(...)"
        raise ValueError(f"{name} is {wanted}, not {value!r:.80}")


def checkCallable(name: str, value: object, example: str) -> None:
    """
    @param example: What it can be.
    @raise ValueError: If an argument is given, and can't be called.
    """
    if value is not None and not callable(value):
        raise ValueError(f"{name} is called, as {example} can be; {value!r:.80} can't")


def checkProvides(name: str, value: object, interface: type[Interface]) -> None:
    """
    @raise ValueError: If an object does not say that it provides an interface.
    """
    if not interface.providedBy(value):
        raise ValueError(f"{name}: {value!r:.80} does not provide {interface.__name__}")
