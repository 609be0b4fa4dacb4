"""Open sockets, handed from the front to a replica."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections import deque
from collections.abc import Callable

__all__ = ["CONNECTION", "HandoverReceiver", "HandoverSender"]

CONNECTION = 0
"""What goes with a client's connection; with a link to another replica goes that replica's number."""

_NOTE = struct.Struct("!I")
_AT_ONCE = 256


class HandoverSender:
    """The front's end: what does not fit into the socket waits, and is kept open until it is gone."""

    def __init__(self, sock: socket.socket) -> None:
        """Take a Unix stream socket whose other end the replica has."""
        sock.setblocking(False)
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[int, socket.socket]] = deque()
        self._is_stuck = False

    def send(self, note: int, handed: socket.socket) -> None:
        """Hand over a socket, and close it here.

        Args:
            note: `CONNECTION`, or the number of the replica that has the socket's other end.
            handed: The socket.
        """
        self._waiting.append((note, handed))
        if len(self._waiting) == 1:
            self._flush()

    def _flush(self) -> None:
        while self._waiting:
            note, handed = self._waiting[0]
            try:
                socket.send_fds(self._sock, [_NOTE.pack(note)], [handed.fileno()])
            except (BlockingIOError, InterruptedError):
                self._is_stuck = True
                self._loop.add_writer(self._sock.fileno(), self._flush)
                return
            except OSError:
                # The replica has ended: its connections end too, and clients that can come back do.
                self.close()
                return
            self._waiting.popleft()
            handed.close()
        if self._is_stuck:
            self._is_stuck = False
            self._loop.remove_writer(self._sock.fileno())

    def close(self) -> None:
        """Close the socket and those that were not handed over."""
        if self._sock.fileno() >= 0:
            self._loop.remove_writer(self._sock.fileno())
            self._sock.close()
        while self._waiting:
            self._waiting.popleft()[1].close()


class HandoverReceiver:
    """The replica's end."""

    def __init__(self, sock: socket.socket, received: Callable[[int, socket.socket], None]) -> None:
        """Take a Unix stream socket whose other end the front has.

        Args:
            sock: The socket.
            received: Called with each socket and the note that came with it, on the event loop.
        """
        sock.setblocking(False)
        self._sock = sock
        self._received = received
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock.fileno(), self._read)

    def _read(self) -> None:
        # Not without an end: what was handed over before is to be answered meanwhile.
        for _ in range(_AT_ONCE):
            try:
                note, descriptors, _, _ = socket.recv_fds(self._sock, _NOTE.size, 1)
            except (BlockingIOError, InterruptedError):
                return
            if not descriptors:
                self.close()
                return
            os.set_inheritable(descriptors[0], False)
            self._received(_NOTE.unpack(note)[0], socket.socket(fileno=descriptors[0]))

    def close(self) -> None:
        """Take no more."""
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()
