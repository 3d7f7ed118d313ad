"""
A chart of what was measured, as SVG, from what C{python -m benchmarks --json} writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

# The works that are shown, and what they are called there.
WORKS = {
    "kept": "FastCGI, kept connections",
    "new": "FastCGI, a new connection for each request",
    "scgi-new": "SCGI, a new connection for each request",
}

_WIDTH = 760
_LABELS = 230  # the place for names, to the left
_ROW = 20
_BAR = 14
# A bar ends here; what takes more floors than that is told by its number.
_MOST = 6.0
_UNIT = (_WIDTH - _LABELS - 60) / _MOST

_STYLE = (
    "text{font:12px sans-serif;fill:#222}.title{font-weight:bold}.own{font-weight:bold}"
    "rect.paper{fill:#fff}rect.other{fill:#9aa5b1}rect.own{fill:#1f6fb2}rect.compiled{fill:#0b3d66}"
    "line{stroke:#c0392b;stroke-dasharray:3 3}"
)


@dataclass(frozen=True)
class Bar:
    """
    One contestant of a work.

    @ivar ratio: Its CPU time, as a part of the floor's.
    @ivar kind: C{other}, C{own} or C{compiled}.
    """

    name: str
    ratio: float
    kind: str


def bars(work: str, pure: Mapping[str, Any], compiled: Mapping[str, Any]) -> list[Bar]:
    """
    The contestants of a work, those that cost least first.

    @param pure: What was written of a run.
    @param compiled: What was written of another one, with the compiled wire; of its contestants
        only our own are shown, for the others are the same.
    """
    found: list[Bar] = []
    for run, suffix in ((pure, ""), (compiled, ", compiled")):
        for each in run["works"]:
            if each["name"] != work:
                continue
            for name, figures in each["contestants"].items():
                own = name.startswith("txfcgi")
                if figures["compared"] is None or (suffix and not own):
                    continue
                kind = ("compiled" if suffix else "own") if own else "other"
                label = f"{name}{suffix}" if own else name
                found.append(Bar(label, figures["compared"]["middle"], kind))
    return sorted(found, key=lambda bar: bar.ratio)


def _section(title: str, shown: Sequence[Bar], top: int) -> Iterator[str]:
    """
    The bars of a work, under its title.
    """
    yield f'<text class="title" x="10" y="{top + 14}">{escape(title)}</text>'
    top += _ROW
    for row, bar in enumerate(shown):
        y = top + row * _ROW
        weight = "other" if bar.kind == "other" else "own"
        width = min(bar.ratio, _MOST) * _UNIT
        yield (
            f'<text class="{weight}" x="{_LABELS - 8}" y="{y + 12}" text-anchor="end">'
            f"{escape(bar.name)}</text>"
            f'<rect class="{bar.kind}" x="{_LABELS}" y="{y + 1}" width="{width:.1f}" '
            f'height="{_BAR}"/>'
            f'<text class="{weight}" x="{_LABELS + width + 6:.1f}" y="{y + 12}">'
            f"{bar.ratio:.2f}</text>"
        )
    floor = _LABELS + _UNIT
    yield (
        f'<line x1="{floor:.1f}" y1="{top}" x2="{floor:.1f}" y2="{top + len(shown) * _ROW - 4}"/>'
    )


def drawn(pure: Mapping[str, Any], compiled: Mapping[str, Any]) -> str:
    """
    The chart of two runs, as L{bars} takes them; a work that none of them has is left out.
    """
    parts: list[str] = []
    top = 34
    for work, title in WORKS.items():
        shown = bars(work, pure, compiled)
        if shown:
            parts += _section(title, shown, top)
            top += (len(shown) + 2) * _ROW
    head = "CPU time for each answer, the Twisted floor's being 1: shorter is better"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" '
            f'width="{_WIDTH}" height="{top}" role="img" aria-label="{escape(head)}">',
            f"<style>{_STYLE}</style>",
            f'<rect class="paper" width="{_WIDTH}" height="{top}" rx="6"/>',
            f'<text x="10" y="20">{escape(head)}</text>',
            *parts,
            "</svg>\n",
        ]
    )
