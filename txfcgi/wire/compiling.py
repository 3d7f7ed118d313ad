"""
What mypyc is told where it compiles the wire (see setup.py). Interpreted, it means nothing.

This module itself stays interpreted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    # mypyc looks for this; running the code does not need it.
    from mypy_extensions import mypyc_attr as mypyc_attr
else:
    T = TypeVar("T")

    def mypyc_attr(**told: bool) -> Callable[[T], T]:
        """
        Say of a class how it is compiled.
        """
        return lambda kind: kind
