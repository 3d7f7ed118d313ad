"""
The words that a reader meets are those that a native technical writer would choose.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent

# What to avoid, and what to write instead.
INSTEAD = {
    "is no": '"is not a ...", "has no ...", "does not exist", or "without ..."',
    "those who": '"anyone who ...", or name them: users, callers, tests',
    "what comes": "name it: the response, the bytes, the next request",
    "the very": '"the same", "exactly the ...", or nothing',
}

# Between two words: spaces and line breaks; in Python also the sign of a comment that goes on, and
# the end of a string with the beginning of the next.
_GAP = r"""(?:\s|["']\s*\n\s*[a-zA-Z]{0,2}["']|\n\s*\#+)+"""
_AVOIDED = re.compile(
    "|".join(rf"(\b{words.replace(' ', _GAP)}(?={_GAP}))" for words in INSTEAD), re.IGNORECASE
)

FILES = sorted(
    path.relative_to(CHECKOUT).as_posix()
    for pattern in (
        *("*.rst", "docs/**/*.rst", "newsfragments/*.rst"),
        *("pytest_txfcgi.py", "txfcgi/**/*.py", "twisted/plugins/*.py", "examples/**/*.py"),
    )
    for path in CHECKOUT.glob(pattern)
    if "_build" not in path.parts
)


def found(name: str, text: str) -> list[str]:
    """
    Find the words to avoid.

    @param name: What the text is called in the messages.

    @return: A message for each, with the line and what to write instead.
    """
    messages = []
    for match in _AVOIDED.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        words = list(INSTEAD)[(match.lastindex or 0) - 1]
        messages.append(f"{name}:{line}: {words!r}: write {INSTEAD[words]}")
    return messages


@pytest.mark.parametrize("name", FILES)
def test_words(name: str) -> None:
    """
    No document, and no docstring, comment or string of the package has a word to avoid.
    """
    messages = found(name, (CHECKOUT / name).read_text("utf-8"))
    assert not messages, "\n".join(messages)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        pytest.param("There is no file.", 1, "is no", id="in one line"),
        pytest.param("\nIS  No\tfile", 2, "is no", id="capitals and a run of spaces"),
        pytest.param("For those\n   who wait", 1, "those who", id="over a line break"),
        pytest.param("x = 1  # for what\n    # comes in", 1, "what comes", id="in a comment"),
        pytest.param('raise E("at the "\n  f"very end")', 1, "the very", id="in two strings"),
        pytest.param("raise E('at the '\n  rb'very end')", 1, "the very", id="in quotes"),
        pytest.param("wait for what comes\n", 1, "what comes", id="at the end of a line"),
    ],
)
def test_found(text: str, line: int, words: str) -> None:
    """
    The words are found in any case and over the end of a line, with what to write instead.
    """
    assert found("page.rst", text) == [f"page.rst:{line}: {words!r}: write {INSTEAD[words]}"]


@pytest.mark.parametrize(
    "text", ["a basis no one has", "is not there", "whose", "is None or", "the verybest", "is, no"]
)
def test_notFound(text: str) -> None:
    """
    Longer words that begin or end like these are let through.
    """
    assert found("page.rst", text) == []
