"""
Bytes that are nearly right.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

# The most bytes that a mutation makes.
MOST = 65_536

# What readers of numbers and of lengths take for something else.
ODD = [
    *(bytes([each]) for each in (0, 1, 9, 10, 13, 32, 44, 58, 127, 128, 255)),
    *(bytes(4), b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff"),
    *(b"-1", b"+1", b"0x10", b"007", b"99999999999999999999", b"1_0", b" 5", b"\xd9\xa3"),
    *(b"\r\n", b"\n\n", b"\r\n\r\n", b"\0\0", b"%00", b"%zz", b"../", b"\xff\xfe"),
]


def _cut(random: Random, data: bytes) -> tuple[int, int]:
    start = random.randrange(len(data) + 1)
    return start, min(len(data), start + random.choice((1, 1, 2, 4, 8, 16, 64)))


def _flip(random: Random, data: bytes, other: bytes) -> bytes:
    if not data:
        return data
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]


def _replace(random: Random, data: bytes, other: bytes) -> bytes:
    start, end = _cut(random, data)
    return data[:start] + random.choice(ODD) + data[end:]


def _insert(random: Random, data: bytes, other: bytes) -> bytes:
    start, _ = _cut(random, data)
    return data[:start] + random.choice(ODD) + data[start:]


def _delete(random: Random, data: bytes, other: bytes) -> bytes:
    start, end = _cut(random, data)
    return data[:start] + data[end:]


def _repeat(random: Random, data: bytes, other: bytes) -> bytes:
    start, end = _cut(random, data)
    return data[:end] + data[start:end] * random.choice((1, 1, 2, 50)) + data[end:]


def _truncate(random: Random, data: bytes, other: bytes) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _cross(random: Random, data: bytes, other: bytes) -> bytes:
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


def _append(random: Random, data: bytes, other: bytes) -> bytes:
    return data + other


_MUTATIONS: list[Callable[[Random, bytes, bytes], bytes]] = [
    *(_flip, _flip, _replace, _insert, _delete, _repeat, _truncate, _cross, _append)
]


def mutated(random: Random, data: bytes, other: bytes) -> bytes:
    """
    Change a conversation here and there.

    @param other: Another one, parts of which may come in.
    """
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        data = random.choice(_MUTATIONS)(random, data, other)[:MOST]
    return data


def pieces(random: Random, data: bytes) -> list[bytes]:
    """
    The reads in which bytes may arrive.
    """
    size = random.choice((1, 3, 8, 100, MOST))
    found = []
    at = 0
    while at < len(data):
        step = random.randint(1, size)
        found.append(data[at : at + step])
        at += step
    return found
