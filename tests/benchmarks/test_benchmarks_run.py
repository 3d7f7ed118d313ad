"""
The benchmarks work: each of the project's own servers answers rightly under load, the load
generator sees every wrong answer, and the command reports what was found. No time is measured here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from benchmarks import build
from benchmarks.command import main
from benchmarks.contestants import Server
from benchmarks.load import Load, Result, held, requested
from benchmarks.measure import verdicts
from benchmarks.model import Contestant, Measured, NotStarted, Sample, Settings, Target, Work
from benchmarks.params import asFile, nginxParams, scgiParams, variedParams
from benchmarks.pattern import Pattern, pieces
from benchmarks.process import CHECKOUT, growth, running
from benchmarks.report import check, table
from benchmarks.suites import suites

OWN = [
    pytest.param(contestant, id=f"{suite.name}: {work.name}: {contestant.name}")
    for suite in suites()
    for work in suite.works
    for contestant in work.contestants
    if not contestant.peer or work.name in ("php-calls", "pool-12")
]

MANY = 200


@pytest.fixture
def settings() -> Iterator[Settings]:
    """
    For the shortest of runs, on any core.
    """
    # The path of a unix socket has to be short.
    with TemporaryDirectory(prefix="bench-") as folder:
        yield Settings(
            folder=Path(folder),
            peersPython=sys.executable,
            rounds=1,
            seconds=0.02,
            warmup=0,
            streamed=2,
        )


def floor(*arguments: str) -> Server:
    """
    The Twisted floor.
    """
    program = [sys.executable, "-m", "benchmarks.servers.floor", "{address}", *arguments]
    return Server(name="floor", command=lambda settings: program)


@pytest.fixture
def served(settings: Settings) -> Iterator[Callable[[Load], Result]]:
    """
    A function that makes L{MANY} requests of a floor that answers C{right}.
    """
    server = floor("--answer", "right")
    with running(settings, server.name, server.command(settings), {}) as process:
        yield lambda load: requested(settings, process.address, load, MANY)


@pytest.mark.parametrize("contestant", OWN)
def test_answersRightly(contestant: Contestant, settings: Settings) -> None:
    """
    Each contestant of the project's own gives right answers, and a figure that is compared; so do
    those that call php-fpm, which has to be installed here.
    """
    assert contestant.missing(settings) == ""
    with contestant.begin(settings) as sampler:
        sample = sampler()
    assert (sample.problem, sample.errors) == ("", 0)
    assert {"cpu", "connection", "slowest"} & sample.values.keys()


@pytest.mark.parametrize("client", ["floor", "honest", "own"])
def test_clientsSeeWrongAnswers(client: str, settings: Settings) -> None:
    """
    Each client sees that an answer is another than it should be.
    """
    server = floor("--answer", "right")
    with running(settings, server.name, server.command(settings), {}) as process:
        command = [sys.executable, "-m", f"benchmarks.clients.{client}", str(process.address)]
        command += ["--answer", "wrong", "--connections", "2", "--seconds", "0.02", "--warmup", "0"]
        ended = subprocess.run(command, cwd=CHECKOUT, capture_output=True, check=True)
    said = json.loads(ended.stdout)
    assert said["errors"]
    assert "right" in said["problem"]


def test_growth() -> None:
    """
    Memory that was taken and given back counts for what a process grew by.
    """
    with growth(os.getpid()) as found:
        bytearray(b"x") * (64 << 20)
    assert 60 < found["growth"] < 80


def test_pattern() -> None:
    """
    Of what is streamed, only the right bytes count, cut up in whatever way.
    """
    data = b"".join(pieces(300_000))
    whole, missing = Pattern(), Pattern()
    for start in range(0, len(data), 70_001):
        whole.take(data[start : start + 70_001])
    assert whole.right == 300_000
    missing.take(data[:100_000])
    missing.take(data[100_001:])
    assert missing.right == 100_000


class TestLoadGenerator:
    """
    What it sends, and what it sees.
    """

    @pytest.mark.parametrize(
        "load",
        [
            Load(answer="right", connections=3),
            Load(answer="right", connections=3, keep=False),
            Load(answer="right", connections=2, inflight=16),
            Load(answer="right", connections=2, bodySize=100_000),
        ],
        ids=["kept", "new", "multiplexed", "bodies"],
    )
    def test_rightAnswers(self, served: Callable[[Load], Result], load: Load) -> None:
        """
        Every request is answered once, on as many connections as there should be.
        """
        result = served(load)
        assert (result.firstError, result.errors, result.answered) == ("", 0, MANY)
        assert result.connectionsUsed <= load.connections
        assert result.sent > MANY * (1146 + load.bodySize)

    @pytest.mark.parametrize("answer", ["wrong", "righ", "right!"])
    def test_wrongAnswers(self, served: Callable[[Load], Result], answer: str) -> None:
        """
        A body that is another, too long or too short is an error, each time.
        """
        result = served(Load(answer=answer, connections=1))
        assert result.errors >= MANY // 2
        assert result.firstError

    def test_scgi(self, settings: Settings) -> None:
        """
        SCGI requests with a body, each on its own connection.
        """
        server = floor("--scgi", "--answer", "right")
        load = Load(scgi=True, keep=False, connections=4, bodySize=70_000, answer="right")
        with running(settings, server.name, server.command(settings), {}) as process:
            result = requested(settings, process.address, load, MANY)
        assert (result.firstError, result.errors, result.answered) == ("", 0, MANY)

    def test_nobodyListens(self, settings: Settings) -> None:
        """
        A server that is not there is an error, not a wait.
        """
        result = requested(settings, settings.folder / "nothing.sock", Load(), 3)
        assert result.answered == 0
        assert "No such file" in result.firstError

    def test_idleConnections(self, settings: Settings) -> None:
        """
        Idle connections are held until they are no longer wanted, and counted in the end.
        """
        server = floor("--answer", "right")
        load = Load(answer="right", connections=50)
        with (
            running(settings, server.name, server.command(settings), {}) as process,
            held(settings, process.address, load) as connections,
        ):
            assert (connections.result.answered, connections.result.errors) == (50, 0)
        assert connections.stillOpen == 50

    def test_params(self) -> None:
        """
        What is sent is of the size that nginx's is, and SCGI's has its length first.
        """
        params = nginxParams("/hello", 0)
        sizes = [len(part) for pair in params.items() for part in pair]
        assert (len(params), sum(size + (4 if size > 127 else 1) for size in sizes)) == (33, 1146)
        assert list(scgiParams(params).items())[:2] == [("CONTENT_LENGTH", "0"), ("SCGI", "1")]

    def test_varied(self) -> None:
        """
        A thousand requests differ in what differs in life, and are the same thousand in each run;
        together they are of the same size.
        """
        found = list(variedParams("/hello", 0))
        assert found == list(variedParams("/hello", 0))
        for name, least in (
            ("REQUEST_URI", 900),
            ("QUERY_STRING", 200),
            ("HTTP_COOKIE", 1000),
            ("HTTP_USER_AGENT", 100),
            ("REMOTE_ADDR", 900),
        ):
            assert len({params[name] for params in found}) >= least
        assert len(found) == 1000
        assert 1_100_000 < len(asFile(found)) < 1_250_000
        assert {params["REQUEST_URI"] for params in variedParams("/big", 0)} == {"/big"}

    def test_eachInTurn(self, settings: Settings, tmp_path: Path) -> None:
        """
        Each of them is sent, whatever the connection and the id.
        """
        seen = tmp_path / "seen"
        server = Server(
            name="noting",
            command=lambda settings: [
                *(sys.executable, "-m", "tests.benchmarks.noting", "{address}", str(seen)),
            ],
        )
        load = Load(answer="right", connections=2, inflight=4)
        with running(settings, server.name, server.command(settings), {}) as process:
            result = requested(settings, process.address, load, 1000)
            assert (result.firstError, result.errors) == ("", 0)
        uris = Counter(seen.read_text("ascii").splitlines())
        assert uris == Counter(params["REQUEST_URI"] for params in variedParams("/hello", 0))


class TestStarting:
    """
    What can't be started says why.
    """

    def test_serverFails(self, settings: Settings) -> None:
        """
        The error has the server's last words.
        """
        server = floor("--answer", "right", "--nonsense")
        command = server.command(settings)
        with pytest.raises(NotStarted, match="--nonsense"), running(settings, "x", command, {}):
            pytest.fail("it has started")

    def test_noCompiler(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Without a compiler, the error has the command that installs it.
        """
        monkeypatch.setattr(build, "BUILT", tmp_path)
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(NotStarted, match="apt install gcc"):
            build.loadGenerator()

    def test_doesNotCompile(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A source with a mistake is not taken for a missing compiler.
        """
        monkeypatch.setattr(build, "BUILT", tmp_path / "built")
        source = tmp_path / "mistake.c"
        source.write_text("int main(void) { return nothing; }\n")
        with pytest.raises(NotStarted, match="nothing"):
            build.compiled(source, ["gcc", "-o"], "gcc")


def test_targetsOfWorksThatAreCounted() -> None:
    """
    A target may be a figure as it is; one that needs a peer which is not here is left out.
    """
    outcome = outcomeOf(1.0)
    absent = Contestant("other", lambda settings: pytest.fail("it is not here"), peer=True)
    targets = (
        Target("own", None, 11, "a figure"),
        Target("own", None, 9, "a figure"),
        Target("own", "other", 1, "of the other"),
    )
    work = replace(outcome.work, contestants=(absent,), targets=targets, base=None)
    outcome = replace(outcome, work=work)
    assert [verdict.met for verdict in verdicts(outcome)] == [True, False]
    assert "above" not in table(outcome)


def outcomeOf(*ratios: float, errors: int = 0) -> Measured:
    """
    What came out of a work in which "own" needed so many times the CPU of "base".
    """
    work = Work(
        name="made up",
        title="nothing was measured",
        contestants=(),
        columns=(),
        base="base",
        compared="cpu",
        targets=(Target("own", "base", 1.5, "the target"),),
    )
    samples = {
        "base": [Sample({"cpu": 10.0}) for _ in ratios],
        "own": [Sample({"cpu": 10 * ratio}, errors, "one was wrong") for ratio in ratios],
    }
    return Measured(work, samples, {"other": "it is not installed"})


class TestReport:
    """
    What the command says about what it found.
    """

    def test_medianDecides(self) -> None:
        """
        A target is met when the median of the rounds is.
        """
        (met,) = verdicts(outcomeOf(1.2, 1.4, 9.0))
        (over,) = verdicts(outcomeOf(1.2, 1.6, 1.7))
        assert (met.met, over.met) == (True, False)
        assert check([met]).splitlines()[-1].split() == [
            *["the", "target", "1.50", "1.40", "1.20..9.00", "ok"]
        ]
        assert check([over]).splitlines()[-1].endswith("over")

    def test_compiled(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Of the compiled wire more is asked.
        """
        target = Target("own", "base", 1.5, "the target", 1.3)
        outcome = outcomeOf(1.4)
        outcome = replace(outcome, work=replace(outcome.work, targets=(target,)))
        found = {}
        for compiled in (False, True):
            monkeypatch.setattr("benchmarks.model.COMPILED", compiled)
            (found[compiled],) = verdicts(outcome)
            row = check([found[compiled]]).splitlines()[-1].split()
            assert row[2:4] == ["1.30" if compiled else "1.50", "1.40"]
        assert (found[False].met, found[True].met) == (True, False)

    def test_wrongAnswersMeetNothing(self) -> None:
        """
        Speed does not count when answers are wrong, or when there are none.
        """
        assert [verdict.met for verdict in verdicts(outcomeOf(1.0, errors=1))] == [False]
        assert [verdict.met for verdict in verdicts(outcomeOf())] == [False]

    def test_tableNamesWhatIsWrong(self) -> None:
        """
        A wrong answer and an absent contestant are told, each with its reason.
        """
        text = table(outcomeOf(1.0, errors=3))
        assert "wrong: own: one was wrong" in text
        assert "not here: other: it is not installed" in text


class TestCommand:
    """
    C{python -m benchmarks}.
    """

    def test_run(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """
        It prints a table and writes the same as JSON.
        """
        file = tmp_path / "found.json"
        short = ["--rounds", "1", "--seconds", "0.02", "--no-peers"]
        assert main(["multiplexed", *short, "--json", str(file)]) == 0
        printed = capsys.readouterr().out
        (work,) = json.loads(file.read_text())["works"]
        assert work["name"] == "multiplexed"
        assert set(work["contestants"]) == {"honest", "Twisted floor", "txfcgi, one param"}
        for name in work["contestants"]:
            assert f"\n{name} " in printed
        assert [target["target"]["limit"] for target in work["targets"]] == [0.65]

    def test_list(self, capsys: pytest.CaptureFixture[str]) -> None:
        """
        It names what there is to run.
        """
        assert main(["--list"]) == 0
        assert "fastcgi-server\n  kept: " in capsys.readouterr().out

    def test_unknownWork(self) -> None:
        """
        A work that does not exist is named.
        """
        with pytest.raises(SystemExit, match="no work or suite nonsense"):
            main(["nonsense"])
