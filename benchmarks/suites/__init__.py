"""
What is measured: one module for each subject, which has a C{SUITE}. A new one is found by itself.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from ..model import Suite


def suites() -> list[Suite]:
    """
    All suites, by the names of their modules.
    """
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [import_module(f"{__name__}.{name}").SUITE for name in names]
