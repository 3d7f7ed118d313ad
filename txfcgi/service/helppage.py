"""
The C{--help} page of a command under C{twistd}: its options in sections, the most used first.
"""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH = 80
_COLUMN = 26
#: The title for options without a section.
OTHER = "Other"


@dataclass(frozen=True)
class Section:
    """
    Options that belong together.

    @ivar title: Their subject.
    @ivar options: Their names, in order, each with a word for its value; C{""} for a flag, and for
        a number whose unit L{unit} tells.
    """

    title: str
    options: Mapping[str, str]


@dataclass(frozen=True)
class Page:
    """
    The content of a help page.

    @ivar usage: The usage, after C{twistd [options of twistd]}.
    @ivar summary: What the command does.
    @ivar sections: Its options.
    @ivar examples: Example command lines.
    @ivar more: References to further help.
    """

    usage: str
    summary: str
    sections: Sequence[Section]
    examples: Sequence[str]
    more: str


@dataclass(frozen=True)
class Option:
    """
    @ivar name: The name of an option, without dashes.
    @ivar short: Its letter, or C{""}.
    @ivar takesValue: Whether it takes a value.
    @ivar text: Its help.
    """

    name: str
    short: str
    takesValue: bool
    text: str


def options(command: Any) -> dict[str, Option]:
    """
    @param command: A command line, a C{twisted.python.usage.Options}.

    @return: Its options, by name.
    """
    letters = {full: name for name, full in command.synonyms.items() if len(name) == 1}
    found = {}
    for long in command.longOpt:
        name = long.rstrip("=")
        default = command.defaults.get(name)
        text = " ".join(command.docs[name].split()).rstrip(".")
        if default is not None and long.endswith("=") and "[default:" not in text:
            text += f" [default: {default}]"
        found[name] = Option(name, letters.get(name, ""), long.endswith("="), text)
    return found


def unit(name: str) -> str:
    """
    @param name: The name of an option that takes a number.

    @return: The unit of the number.
    """
    words = name.split("-")
    if "timeout" in words or words[0] in ("drain", "slow"):
        return "SECONDS"
    return "BYTES" if "bytes" in words else "N"


def _entry(option: Option, value: str) -> str:
    """
    @return: The lines of one option.
    """
    short = f"-{option.short}, " if option.short else "    "
    named = f"  {short}--{option.name}"
    if option.takesValue:
        named += f" {value or unit(option.name)}"
    lines = textwrap.wrap(option.text, WIDTH - _COLUMN, break_on_hyphens=False)
    indented = [" " * _COLUMN + line for line in lines]
    if len(named) < _COLUMN - 1:
        indented[0] = named.ljust(_COLUMN) + indented[0].lstrip()
        return "\n".join(indented)
    return "\n".join([named, *indented])


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_on_hyphens=False)


def sectioned(page: Page, found: Mapping[str, Option]) -> list[Section]:
    """
    @param page: The content of a help page.
    @param found: The command's options.

    @return: The sections with the options that exist; options without a section come last.
    """
    sections = [
        Section(
            section.title, {name: value for name, value in section.options.items() if name in found}
        )
        for section in page.sections
    ]
    placed = {name for section in sections for name in section.options}
    others = {name: "VALUE" for name in found if name not in placed}
    return [section for section in [*sections, Section(OTHER, others)] if section.options]


def helpPage(page: Page, command: Any) -> str:
    """
    @param page: The content of a help page.
    @param command: The command line.

    @return: The text, in lines of 80 columns.
    """
    found = options(command)
    program = os.path.basename(sys.argv[0])
    usage = f"Usage: {program} [{program} options] {page.usage}"
    parts = [_wrapped(usage), _wrapped(page.summary)]
    for section in sectioned(page, found):
        entries = [_entry(found[name], value) for name, value in section.options.items()]
        parts.append("\n".join([f"{section.title}:", *entries]))
    parts.append("\n".join(["Examples:", *(f"  {example}" for example in page.examples)]))
    parts.append(_wrapped(page.more))
    return "\n\n".join(parts) + "\n"
