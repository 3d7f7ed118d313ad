"""
The status page for people. It has no scripts, and refreshes itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

from ..server.pages import htmlPage
from .board import Board, Minute, Snapshot

# Seconds after which the page refreshes itself.
_AGAIN: Final = 2

_STYLE: Final = """
.state { display: inline-block; padding: 0 .6em; border-radius: 1em; border: 1px solid #8888; }
.ready { background: #2a25; } .draining, .starting { background: #fa05; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5em, 1fr)); gap: .5em;
margin: .8em 0; }
dl div { border: 1px solid #8885; border-radius: .4em; padding: .3em .6em; }
dt { font-size: .85em; opacity: .8; } dd { margin: 0; font-size: 1.15em;
font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: right; padding: .15em .6em; border-bottom: 1px solid #8884;
font-variant-numeric: tabular-nums; white-space: nowrap; vertical-align: top; }
th { font-weight: 600; } td.text, th.text { text-align: left; white-space: normal;
overflow-wrap: anywhere; }
@media (max-width: 30em) { td, th { padding: .15em .3em; font-size: .9em; } }
"""


def statusPage(board: Board) -> bytes:
    """
    Make the page.
    """
    snapshot, minute = board.snapshot(), board.minute()
    parts = [
        f"<h1>{escape(board.name)}</h1>",
        f'<p><span class="state {escape(snapshot.state)}" id="state">{escape(snapshot.state)}'
        f"</span> {escape(snapshot.text)}</p>",
        _summary(board, snapshot, minute),
        "<h2>Processes</h2>",
        _table(
            ("Worker", "State", "Running", "Requests", "Open", "For", "Process", "Generation"),
            [
                (
                    each.number or "-",
                    each.state,
                    each.running,
                    each.requests,
                    each.connections,
                    _duration(each.seconds),
                    each.pid,
                    each.generation or "-",
                )
                for each in snapshot.processes
            ],
            "processes",
        ),
        "<h2>Running requests</h2>",
        _table(
            ("Age", "Worker", "Request"),
            [
                (_duration(each.seconds), each.worker or "-", each.target)
                for each in snapshot.running
            ],
            "running",
            text=2,
        ),
        _counts("Limits reached", "Limit", snapshot.figures["limits"]),
        _counts("Refused", "Reason", snapshot.figures["refused"]),
        *_clients(snapshot.figures["clients"]),
    ]
    title = f"{snapshot.state}: {board.name}"
    return htmlPage(title, "\n".join(parts), _STYLE, _AGAIN)


def _summary(board: Board, snapshot: Snapshot, minute: Minute) -> str:
    figures = snapshot.figures
    answers = figures["answers"]
    shown: list[tuple[str, object]] = [
        ("Up for", _duration(board.uptime)),
        ("Requests", figures["requests"]),
        ("Requests a second", f"{minute.requests:.1f}"),
        ("Running", f"{figures['running']} (most {figures['busiest']})"),
        ("Connections", f"{figures['connections']} (of {figures['accepted']} so far)"),
        *((f"{share} % within", _latency(each)) for share, each in minute.quantiles.items()),
        *((f"{first}xx", answers[first]) for first in range(2, 6)),
        ("Without a status", answers[0]),
        ("App failed", figures["errors"]),
        ("Aborted", figures["aborted"]),
        ("Slow", figures["slow"]),
        ("Broken connections", figures["brokenConnections"]),
        ("Received", f"{_bytes(figures['received'])} ({_bytes(minute.received)}/s)"),
        ("Sent", f"{_bytes(figures['sent'])} ({_bytes(minute.sent)}/s)"),
    ]
    cards = "\n".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(str(value))}</dd></div>" for name, value in shown
    )
    return f'<dl id="summary">\n{cards}\n</dl>'


def _table(
    heads: Sequence[str], rows: Iterable[Sequence[object]], name: str, text: int | None = None
) -> str:
    """
    @param name: The id of the table.
    @param text: The column that has text in it, rather than figures.
    """
    kinds = [' class="text"' if column == text else "" for column in range(len(heads))]
    head = "".join(
        f"<th{kind}>{escape(each)}</th>" for kind, each in zip(kinds, heads, strict=True)
    )
    body = "\n".join(
        "<tr>"
        + "".join(f"<td{kind}>{escape(str(v))}</td>" for kind, v in zip(kinds, row, strict=True))
        + "</tr>"
        for row in rows
    )
    if not body:
        return f'<p id="{name}">None.</p>'
    return f'<div class="wide"><table id="{name}">\n<tr>{head}</tr>\n{body}\n</table></div>'


def _counts(title: str, head: str, counts: Mapping[str, int]) -> str:
    if not counts:
        return ""
    rows = sorted(counts.items(), key=lambda each: -each[1])
    table = _table((head, "Times"), rows, title.split()[0].lower(), text=0)
    return f"<h2>{title}</h2>\n{table}"


def _clients(clients: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if not clients:
        return []
    names = list(dict.fromkeys(name for figures in clients.values() for name in figures))
    rows = [
        (client, *(figures.get(name, "-") for name in names)) for client, figures in clients.items()
    ]
    heads = ("Client", *(name.capitalize() for name in names))
    return ["<h2>Back ends</h2>", _table(heads, rows, "clients", text=0)]


def _duration(seconds: float) -> str:
    """
    Seconds, formatted for people.
    """
    if seconds < 1:
        return f"{1000 * max(0.0, seconds):.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, left = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {left} s"


def _latency(seconds: float | None) -> str:
    return "-" if seconds is None else _duration(seconds)


def _bytes(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
