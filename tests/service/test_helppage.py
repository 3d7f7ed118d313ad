"""
What C{--help} shows.
"""

from __future__ import annotations

import re

import pytest

from txfcgi.service import fcgitap, gatewaytap, scgitap
from txfcgi.service.commandline import CommandOptions
from txfcgi.service.helppage import OTHER, WIDTH, helpPage, options, sectioned
from txfcgi.service.sections import PAGES

COMMANDS = {
    "fcgi": fcgitap.Options,
    "scgi": scgitap.Options,
    "fcgi-gateway": gatewaytap.Options,
}

each = pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)


@each
def test_everyOptionHasASection(command: type[CommandOptions]) -> None:
    """
    No option is left over, and each stands in one section.
    """
    sections = sectioned(PAGES[command.command], options(command()))
    assert OTHER not in [section.title for section in sections]
    placed = [name for section in sections for name in section.options]
    assert len(placed) == len(set(placed))


def test_sectionsNameOptions() -> None:
    """
    What the sections name, some command has.
    """
    there = {name for command in COMMANDS.values() for name in options(command())}
    named = {
        name
        for command in COMMANDS.values()
        for section in PAGES[command.command].sections
        for name in section.options
    }
    assert named <= there


@each
def test_width(command: type[CommandOptions]) -> None:
    """
    No line is longer than a terminal is wide.
    """
    page = helpPage(PAGES[command.command], command())
    assert [line for line in page.splitlines() if len(line) > WIDTH] == []


@each
def test_values(command: type[CommandOptions]) -> None:
    """
    An option that takes a value shows a word for it, and a flag none.
    """
    page = helpPage(PAGES[command.command], command())
    shown = dict(re.findall(r"^  (?:-\w, |    )--([\w-]+)(?: (\S+))?(?=$|  )", page, re.MULTILINE))
    assert {name: bool(value) for name, value in shown.items()} == {
        name: option.takesValue for name, option in options(command()).items()
    }


def test_page() -> None:
    """
    It has what goes before the command, the options that are used most before others, their
    letters, what holds without them, and examples.
    """
    page = str(fcgitap.Options())
    assert "options] fcgi --port ENDPOINT --app MODULE.NAME [options]\n" in page
    assert "\n  -a, --app MOD.NAME      The app to serve: " in page
    assert page.index("--app ") < page.index("--port ENDPOINT  ") < page.index("--workers ")
    assert "[default: 30.0]" in page
    assert "\nExamples:\n  twistd fcgi --port unix:/run/app/app.sock --app mod.fn\n" in page
    assert page.endswith("docs/running.rst.\n")
