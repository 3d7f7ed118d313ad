"""
Tests of what makes the documentation's tables and chart, without measuring anything.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import publish
from benchmarks.chart import bars, drawn
from benchmarks.process import CHECKOUT
from benchmarks.suites import suites

SVG = "{http://www.w3.org/2000/svg}"


def run(**works: dict[str, float | None]) -> dict[str, Any]:
    """
    What was written of a run: works, and of each contestant what it took of the floor's time.
    """
    return {
        "works": [
            {
                "name": name,
                "contestants": {
                    contestant: {"compared": ratio and {"middle": ratio}}
                    for contestant, ratio in contestants.items()
                },
            }
            for name, contestants in works.items()
        ]
    }


PURE = run(
    kept={"Twisted floor": 1.0, "txfcgi, one param": 1.25, "a <peer>": 9.0, "failed": None},
    upload={"Twisted floor": 1.0},
)
COMPILED = run(kept={"Twisted floor": 1.0, "txfcgi, one param": 0.8})


class TestChart:
    """
    The chart.
    """

    def test_order(self) -> None:
        """
        What costs least comes first; of the compiled run our own alone are taken.
        """
        assert [(bar.name, bar.ratio, bar.kind) for bar in bars("kept", PURE, COMPILED)] == [
            ("txfcgi, one param, compiled", 0.8, "compiled"),
            ("Twisted floor", 1.0, "other"),
            ("txfcgi, one param", 1.25, "own"),
            ("a <peer>", 9.0, "other"),
        ]

    def test_drawn(self) -> None:
        """
        Bars are as long as their figures, up to a limit, and each figure stands beside its bar.
        """
        picture = ElementTree.fromstring(drawn(PURE, COMPILED))
        widths = [
            float(rect.attrib["width"])
            for rect in picture.iter(f"{SVG}rect")
            if rect.attrib["class"] != "paper"
        ]
        assert [round(width / widths[1], 2) for width in widths] == [0.8, 1.0, 1.25, 6.0]
        said = [text.text for text in picture.iter(f"{SVG}text")]
        assert said[2:] == [
            *("txfcgi, one param, compiled", "0.80", "Twisted floor", "1.00"),
            *("txfcgi, one param", "1.25", "a <peer>", "9.00"),
        ]
        total = float(picture.attrib["width"])
        assert all(230 + width < total for width in widths)


class TestPublish:
    """
    The command.
    """

    @pytest.fixture
    def ran(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[Path, list[str]]]:
        """
        Which runs there were: where, and how. The wire is not compiled.
        """
        stage = tmp_path / "stage"
        seen: list[tuple[Path, list[str]]] = []

        def measured(where: Path, file: Path, arguments: list[str]) -> tuple[int, str]:
            seen.append((where, list(arguments)))
            file.write_text(json.dumps(PURE if where == CHECKOUT else COMPILED))
            return int("over" in arguments), f"of {where.name}\n"

        monkeypatch.setattr(publish, "staged", lambda folder: stage)
        monkeypatch.setattr(publish, "_measured", measured)
        return seen

    def test_files(self, ran: list[tuple[Path, list[str]]], tmp_path: Path) -> None:
        """
        The tables of each wire and the chart are written, of the same two runs; the second one
        needs no peers. What people have behind nginx has a table of its own.
        """
        named = ["kept", "nginx-wsgi"]
        assert publish.main([*named, "--rounds", "1", "--into", str(tmp_path)]) == 0
        assert [arguments for _, arguments in ran] == [
            ["kept", "--rounds=1"],
            ["kept", "--rounds=1", "--no-peers"],
            ["nginx-wsgi", "--rounds=1"],
        ]
        assert (tmp_path / "performance.txt").read_text() == f"of {CHECKOUT.name}\n"
        assert (tmp_path / "performance-compiled.txt").read_text() == "of stage\n"
        behind = tmp_path / "performance-behind-nginx.txt"
        assert behind.read_text() == f"of {CHECKOUT.name}\n"
        assert (tmp_path / "performance.svg").read_text() == drawn(PURE, COMPILED)

    def test_targets(self, ran: list[tuple[Path, list[str]]], tmp_path: Path) -> None:
        """
        A target that is not met shows in the exit status.
        """
        assert publish.main(["over", "--into", str(tmp_path)]) == 1
        assert len(ran) == 2

    def test_everything(self) -> None:
        """
        Where nothing is named, each suite is measured.
        """
        both, once = publish.works([])
        assert sorted([*both, *once]) == sorted(suite.name for suite in suites())
        assert once == ["behind-nginx"]
