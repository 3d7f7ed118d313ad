"""
Checks of options as they are given, so that a mistake in one is told where it was made.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import Field, fields
from typing import Any


def checkNumbers(options: Any, mayBeZero: Container[str]) -> None:
    """
    Look at the numbers and switches of a dataclass of options.

    @param mayBeZero: The numbers that may be 0.
    @raise ValueError: If one of them is of another type than its default, negative, or 0.
    """
    for each in fields(options):
        value = getattr(options, each.name)
        if _isWrong(each, value, mayBeZero):
            optional = " or None" if _mayBeNone(each) else ""
            zero = "0 or more" if each.name in mayBeZero else "more than 0"
            kind = "True or False" if isinstance(each.default, bool) else f"a number, {zero}"
            raise ValueError(
                f"{type(options).__name__}({each.name}=...) is {kind}{optional}, not {value!r:.80}"
            )


def _mayBeNone(each: Field[Any]) -> bool:
    return str(each.type).endswith("| None")


def _isWrong(each: Field[Any], value: object, mayBeZero: Container[str]) -> bool:
    if value is None and _mayBeNone(each):
        return False
    if isinstance(each.default, bool):
        return not isinstance(value, bool)
    if not isinstance(each.default, (int, float)):
        return False
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return True
    return not (value > 0 or (value == 0 and each.name in mayBeZero))


def checkKind(options: Any, name: str, kind: type) -> None:
    """
    @raise ValueError: If an option is of another type.
    """
    value = getattr(options, name)
    if not isinstance(value, kind):
        raise ValueError(
            f"{type(options).__name__}({name}=...) is {kind.__name__}(...), not {value!r:.80}"
        )


def checkChoice(options: Any, name: str, choices: tuple[object, ...]) -> None:
    """
    @raise ValueError: If an option is not one of those that there are.
    """
    value = getattr(options, name)
    if value not in choices:
        known = ", ".join(map(repr, choices))
        raise ValueError(
            f"{type(options).__name__}({name}=...) is one of {known}, not {value!r:.80}"
        )


def checkFunction(options: Any, name: str) -> None:
    """
    @raise ValueError: If an option is neither L{None} nor a function.
    """
    value = getattr(options, name)
    if value is not None and not callable(value):
        raise ValueError(
            f"{type(options).__name__}({name}=...) is a function or None, not {value!r:.80}"
        )
