"""
What a browser makes of a page, on a phone and in the dark.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from tests.interop.processes import find

#: How wide a narrow phone is, in CSS pixels.
PHONE = 360

# What C{--blink-settings} calls the schemes, and the colour that text has in each.
DARK, LIGHT = 0, 1
COLOURS = {DARK: "rgb(255, 255, 255)", LIGHT: "rgb(0, 0, 0)"}

_MEASURE = """<script>onload = () => {
    const told = Array.from(document.querySelectorAll("iframe"), (frame) => {
        const page = frame.contentWindow, root = page.document.documentElement;
        const name = page.document.querySelector(".params th");
        return [frame.id, root.scrollWidth, page.innerWidth, page.getComputedStyle(root).color,
            name ? name.getBoundingClientRect().width : 0].join("|");
    });
    document.title = encodeURIComponent(told.join("\\n"));
}</script>"""


class Shown(NamedTuple):
    """
    How a page is shown.

    @ivar needed: How many pixels wide it is.
    @ivar available: How many pixels wide the window is, without its scroll bar.
    @ivar colour: The colour of its text, as CSS has it.
    @ivar nameWidth: How many pixels wide the names of its params are; 0 without params.
    """

    needed: int
    available: int
    colour: str
    nameWidth: float


def browse(folder: Path, address: str, *words: str) -> str:
    """
    Show a page.

    @param folder: Where the browser's profile is.
    @param words: More options of the browser.

    @return: The page, as HTML, when it is loaded and its scripts have run.
    """
    browser = (find("chromium", "chromium"), "--headless", "--no-sandbox", "--disable-gpu")
    quiet = ("--no-first-run", "--disable-background-networking", "--disable-component-update")
    done = subprocess.run(
        [*browser, *quiet, f"--user-data-dir={folder / 'profile'}", *words, "--dump-dom", address],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout


def measured(folder: Path, pages: Mapping[str, str], scheme: int) -> dict[str, Shown]:
    """
    Show pages as a phone does, in frames.

    @param folder: Where to keep what the browser needs.
    @param pages: HTML by any name.
    @param scheme: L{DARK} or L{LIGHT}, whatever the user prefers.
    """
    frames = (
        f'<iframe id="{name}" width="{PHONE}" height="640" srcdoc="{escape(page)}"></iframe>'
        for name, page in pages.items()
    )
    frame = folder / "frames.html"
    frame.write_text("".join([*frames, _MEASURE]), "utf-8")
    shown = browse(folder, frame.as_uri(), f"--blink-settings=preferredColorScheme={scheme}")
    title = shown.partition("<title>")[2].partition("</title>")[0]
    found = {}
    for line in unquote(title).splitlines():
        name, needed, available, colour, nameWidth = line.split("|")
        found[name] = Shown(int(needed), int(available), colour, float(nameWidth))
    assert found.keys() == pages.keys(), shown
    return found
