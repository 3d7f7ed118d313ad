"""
Numbers of things, in words for messages.
"""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """
    @param number: How many there are.
    @param noun: What they are, in the singular, such as C{"request"}.

    @return: Such as C{"1 request"} or C{"3 requests"}.
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
