"""
Tests of L{txfcgi.service.signals}.
"""

from __future__ import annotations

import faulthandler
import os
import signal

from twisted.internet.error import ReactorNotRunning
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from tests.folders import folderFor
from txfcgi.service.signals import SIGNALS, Signals

from .stopping import Reactor, asAtTheStart


class SignalsTests(SynchronousTestCase):
    """
    Tests of L{Signals}.
    """

    def setUp(self) -> None:
        asAtTheStart(self)
        self.patch(os, "isatty", lambda fd: False)
        self.reactor = Reactor()
        self.again: list[None] = []
        self.signals = Signals(self.reactor, lambda: self.again.append(None))

    def test_all(self) -> None:
        """
        Each of the signals stops the reactor, and after the first each is another.
        """
        self.signals.install()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGQUIT):
            signal.raise_signal(number)
        self.assertEqual((self.reactor.stops, len(self.again)), (1, 3))

    def test_taken(self) -> None:
        """
        A signal that has a use already keeps it, unless it is the reactor's.
        """

        def rotateLog(number: int, frame: object) -> None:
            """
            Stands for what C{twistd} does at SIGUSR1.
            """

        signal.signal(signal.SIGUSR1, rotateLog)
        signal.signal(signal.SIGTERM, self.reactor.sigTerm)
        self.signals.install()
        self.assertIs(signal.getsignal(signal.SIGUSR1), rotateLog)
        self.assertNotEqual(signal.getsignal(signal.SIGTERM), self.reactor.sigTerm)

    def test_ignored(self) -> None:
        """
        After the end of the reactor they are ignored: the process would end with another status.
        """
        self.signals.install()
        signal.raise_signal(signal.SIGTERM)
        self.signals.restore()
        self.reactor.end()
        for number in SIGNALS:
            self.assertEqual(signal.getsignal(number), signal.SIG_IGN)

    def test_stoppingAlready(self) -> None:
        """
        A signal that comes when the reactor is stopping for another reason is another.
        """

        def stop() -> None:
            raise ReactorNotRunning

        self.patch(self.reactor, "stop", stop)
        self.signals.install()
        signal.raise_signal(signal.SIGTERM)
        self.assertEqual(len(self.again), 1)

    def test_named(self) -> None:
        """
        The log names the signal, and what the stop waits for.
        """
        Signals(self.reactor, lambda: None, pending=lambda: ", and waits for 1 request").install()
        with capturedLogs() as events:
            signal.raise_signal(signal.SIGQUIT)
        said = [formatEvent(event) for event in events]
        self.assertEqual(said, ["SIGQUIT: stops, and waits for 1 request."])

    def assertIgnores(self, signals: Signals, said: dict[int, str]) -> None:
        """
        Signals are logged, and stop nothing.
        """
        signals.install()
        with capturedLogs() as events:
            for number in said:
                signal.raise_signal(number)
        self.assertEqual([formatEvent(event) for event in events], [*said.values()])
        self.assertEqual((self.reactor.stops, self.again), (0, []))

    def test_foreign(self) -> None:
        """
        What other servers do at a signal, the log says how to do here.
        """
        workers = "is ignored: --workers sets the number of workers, at the start."
        self.assertIgnores(
            self.signals,
            {
                signal.SIGUSR2: "SIGUSR2 is ignored: with --workers, SIGHUP reloads the app.",
                signal.SIGTTIN: f"SIGTTIN {workers}",
                signal.SIGTTOU: f"SIGTTOU {workers}",
            },
        )

    def test_foreignToAMaster(self) -> None:
        """
        A master knows that SIGHUP reloads.
        """
        self.assertIgnores(
            Signals(self.reactor, lambda: None, reload=lambda: None),
            {signal.SIGUSR2: "SIGUSR2 is ignored: SIGHUP reloads the app."},
        )

    def test_jobs(self) -> None:
        """
        On a terminal, SIGTTIN and SIGTTOU stay as they are, for the shell stops jobs by them.
        """
        self.patch(os, "isatty", lambda fd: fd == 1)
        self.signals.install()
        for number in (signal.SIGTTIN, signal.SIGTTOU):
            self.assertEqual(signal.getsignal(number), signal.SIG_DFL)

    def test_faulthandler(self) -> None:
        """
        A signal at which C{faulthandler} writes a stack, as the app has asked for, goes on doing
        so. Python does not know of it.
        """
        file = folderFor(self) / "stacks"
        with open(file, "w") as stacks:
            faulthandler.register(signal.SIGUSR2, file=stacks)
            self.addCleanup(faulthandler.unregister, signal.SIGUSR2)
            self.signals.install()
            signal.raise_signal(signal.SIGUSR2)
        self.assertIn("test_faulthandler", file.read_text())

    def test_hangUp(self) -> None:
        """
        SIGHUP is logged, and does nothing.
        """
        self.signals.install()
        with capturedLogs() as events:
            signal.raise_signal(signal.SIGHUP)
        self.assertEqual((self.reactor.stops, self.again), (0, []))
        self.assertIn("SIGTERM stops the server.", events[0]["log_format"])

    def test_reload(self) -> None:
        """
        Where there is something to reload, SIGHUP does that and stops nothing, also under C{nohup}.
        """
        done: list[str] = []
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        Signals(
            self.reactor,
            lambda: None,
            reload=lambda: done.append("reload"),
        ).install()
        signal.raise_signal(signal.SIGHUP)
        self.assertEqual((done, self.reactor.stops), (["reload"], 0))

    def test_hangUpOfTheTerminal(self) -> None:
        """
        Where the process has a terminal, or was made to, it stops; once more is no hurry.
        """
        self.patch(os, "isatty", lambda fd: fd == 1)
        self.signals.install()
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)
        self.assertEqual((self.reactor.stops, self.again), (1, []))

    def test_hangUpOnRequest(self) -> None:
        """
        So it does on request.
        """
        Signals(self.reactor, lambda: None, stopsAtHangUp=True).install()
        signal.raise_signal(signal.SIGHUP)
        self.assertEqual(self.reactor.stops, 1)

    def test_nohup(self) -> None:
        """
        A signal that is ignored, as by C{nohup}, stays so.
        """
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.signals.install()
        self.assertEqual(signal.getsignal(signal.SIGHUP), signal.SIG_IGN)

    def startReactor(self) -> None:
        """
        Start the reactor. It takes SIGTERM, and a signal comes just then.
        """
        for phase in ("before", "during"):
            for function, args, kwargs in self.reactor.triggers[phase]["startup"]:
                if phase == "during":
                    signal.signal(signal.SIGTERM, self.reactor.sigTerm)
                    signal.raise_signal(signal.SIGTERM)
                    self.assertEqual(self.reactor.stops, 0)
                function(*args, **kwargs)

    def test_reactorStarts(self) -> None:
        """
        The reactor takes SIGTERM when it starts. It is taken back, and no signal is lost to it.
        """
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        self.signals.install()
        self.startReactor()
        self.assertEqual(self.reactor.stops, 1)
        self.assertEqual(signal.pthread_sigmask(signal.SIG_BLOCK, []), mask)

    def test_restoreBeforeStart(self) -> None:
        """
        If the signals were given back before the reactor starts, they are left to it.
        """
        self.signals.install()
        self.signals.restore()
        self.startReactor()
        self.assertEqual(self.reactor.stops, 0)
        self.assertEqual(signal.getsignal(signal.SIGTERM), self.reactor.sigTerm)

    def test_reactorRuns(self) -> None:
        """
        A reactor that runs has taken SIGTERM already, so there is nothing to wait for.
        """
        self.reactor.running = True
        signal.signal(signal.SIGTERM, self.reactor.sigTerm)
        self.signals.install()
        self.assertEqual(self.reactor.triggers, {})
        signal.raise_signal(signal.SIGTERM)
        self.assertEqual(self.reactor.stops, 1)

    def test_restore(self) -> None:
        """
        What was there before comes back.
        """
        self.signals.install()
        self.signals.restore()
        self.assertEqual(signal.getsignal(signal.SIGTERM), signal.SIG_DFL)
        self.assertEqual(signal.getsignal(signal.SIGINT), signal.default_int_handler)
        self.assertEqual(signal.getsignal(signal.SIGUSR1), signal.SIG_DFL)
