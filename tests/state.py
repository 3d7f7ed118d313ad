"""
A search through all that the package's modules hold.
"""

from __future__ import annotations

import gc
import importlib
import pkgutil
import sys
import types
from collections import deque
from collections.abc import Iterable, Iterator
from functools import lru_cache

import txfcgi

CONTAINERS = (
    list,
    tuple,
    set,
    frozenset,
    deque,
    types.MethodType,
    type(lru_cache(len)),
)


def ours() -> list[types.ModuleType]:
    """
    All modules of the package, loaded.
    """
    for found in pkgutil.walk_packages(txfcgi.__path__, "txfcgi."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    return [module for name, module in sys.modules.items() if name.split(".")[0] == "txfcgi"]


def isOurs(name: object) -> bool:
    """
    Whether a module's name is one of the package.
    """
    return str(name).split(".")[0] == "txfcgi"


def heldBy(value: object) -> Iterable[object]:
    """
    What a value holds, as far as it is state: of containers, of caches, of functions, and of
    classes and objects that are ours. Other modules, and what hangs on them, are not ours.
    """
    if isinstance(value, (str, bytes, bytearray, memoryview, types.ModuleType, types.FrameType)):
        return ()
    if isinstance(value, types.FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or () if cell != types.CellType()]
        return [*cells, value.__defaults__, value.__kwdefaults__, value.__dict__]
    if isinstance(value, (dict, types.MappingProxyType)):
        # The collector need not look at keys that are text.
        return [*value.keys(), *value.values(), *gc.get_referents(value)]
    kind = value if isinstance(value, type) else type(value)
    if isinstance(value, CONTAINERS) or isOurs(kind.__module__):
        return gc.get_referents(value)
    return ()


def reach(roots: Iterable[object]) -> Iterator[object]:
    """
    All state that can be reached.
    """
    seen: dict[int, object] = {}
    left = list(roots)
    while left:
        value = left.pop()
        if id(value) not in seen:
            seen[id(value)] = value
            left += heldBy(value)
            yield value


def holders(secret: str, *more: object) -> list[object]:
    """
    Every text with the secret in it that a module, or something else, holds.
    """
    gc.collect()
    roots = [vars(module) for module in ours()]
    encoded = secret.encode()
    return [
        value
        for value in reach([*roots, *more])
        if (isinstance(value, str) and secret in value)
        or (isinstance(value, (bytes, bytearray)) and encoded in value)
    ]
