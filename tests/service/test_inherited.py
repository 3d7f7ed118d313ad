"""
Tests of L{txfcgi.service.inherited}.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txfcgi.service.errors import CannotListen
from txfcgi.service.inherited import (
    fillStandardDescriptors,
    inheritedListener,
    isService,
    releaseDescriptor,
)


class InheritedListenerTests(SynchronousTestCase):
    """
    Tests of L{inheritedListener} and L{isService}.
    """

    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="service-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "app.sock")

    def opened(self, *families: int) -> list[socket.socket]:
        """
        A listening socket of each family.
        """
        sockets = []
        addresses: dict[int, Any] = {
            socket.AF_INET: ("127.0.0.1", 0),
            socket.AF_INET6: ("::1", 0),
        }
        for family in families:
            opened = socket.socket(family)
            self.addCleanup(opened.close)
            opened.bind(addresses.get(family, self.path))
            opened.listen()
            sockets.append(opened)
        return sockets

    def refusal(self, fd: int) -> str:
        """
        The message for something that is no listening socket.
        """
        self.assertFalse(isService(fd))
        return str(self.assertRaises(CannotListen, inheritedListener, fd))

    def test_families(self) -> None:
        """
        The family of the socket is found out.
        """
        for opened in self.opened(socket.AF_UNIX, socket.AF_INET, socket.AF_INET6):
            with inheritedListener(opened.fileno()) as found:
                self.assertEqual(found.family, opened.family)
                self.assertEqual(found.getsockname(), opened.getsockname())
                self.assertNotEqual(found.fileno(), opened.fileno())
            self.assertTrue(isService(opened.fileno()))

    def test_connected(self) -> None:
        """
        A connected socket, as inetd passes one, is does not listen.
        """
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self.assertEqual(
                self.refusal(ours.fileno()),
                f"file descriptor {ours.fileno()} is a socket, but does not listen",
            )

    def test_neither(self) -> None:
        """
        A socket that does nothing yet is not either.
        """
        with socket.socket(socket.AF_UNIX) as idle:
            self.assertIn("does not listen", self.refusal(idle.fileno()))

    def test_datagrams(self) -> None:
        """
        A datagram socket is not a stream.
        """
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            self.assertIn("that can't be served", self.refusal(datagrams.fileno()))

    def test_files(self) -> None:
        """
        What is no socket is named.
        """
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        self.assertEqual(
            self.refusal(reading), f"file descriptor {reading} is a pipe, not a listening socket"
        )
        with open(__file__) as file, open(os.devnull) as null:
            self.assertIn("is a file", self.refusal(file.fileno()))
            self.assertIn("is a device", self.refusal(null.fileno()))
        folder = os.open(self.folder, os.O_RDONLY)
        self.addCleanup(os.close, folder)
        self.assertIn("is something else", self.refusal(folder))
        ours, theirs = os.openpty()
        self.addCleanup(os.close, ours)
        self.addCleanup(os.close, theirs)
        self.assertIn("is a terminal", self.refusal(theirs))

    def test_closed(self) -> None:
        """
        A closed descriptor is told so.
        """
        reading, writing = os.pipe()
        os.close(reading)
        os.close(writing)
        self.assertEqual(self.refusal(reading), f"file descriptor {reading} is not open")


class DescriptorTests(SynchronousTestCase):
    """
    Tests of L{releaseDescriptor} and L{fillStandardDescriptors}. That it is done for a program is
    tested with one.
    """

    def test_others(self) -> None:
        """
        A descriptor above 2 is closed.
        """
        reading, writing = os.pipe()
        self.addCleanup(os.close, writing)
        releaseDescriptor(reading)
        self.assertRaises(OSError, os.fstat, reading)

    def test_open(self) -> None:
        """
        Where all three are open nothing changes.
        """
        before = [os.fstat(fd).st_ino for fd in range(3)]
        fillStandardDescriptors()
        self.assertEqual([os.fstat(fd).st_ino for fd in range(3)], before)
