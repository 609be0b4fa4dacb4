"""What a replica does: serve what the front hands over."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import uvicorn

from ..._uvicorn import uvicorn_settings
from ..lifeline import die_with
from ..observability import logs
from .board import Board
from .frames import frame
from .handover import CONNECTION, HandoverReceiver
from .line import Line
from .links import Links
from .means import raise_file_limit
from .membership import Membership, become_member

__all__ = ["main"]


def main(
    how: tuple[str, int, str, str], *, number: int, control: int, handover: int, board: int, lifeline: int
) -> None:
    """Serve until the front says that it is enough, or is gone.

    Args:
        how: The application, how many replicas there are, the format and the level of logs.
        number: This replica's number.
        control: The socket over which the front is asked.
        handover: The socket over which it hands over connections.
        board: The file with the numbers that all processes see.
        lifeline: The pipe that ends when the front does.
    """
    app, replicas, log_format, log_level = how
    for descriptor in (control, handover, board, lifeline):
        os.set_inheritable(descriptor, False)
    die_with(lifeline, and_group=False)
    raise_file_limit()
    logs.name_process(str(number))
    asking = socket.socket(fileno=control)
    settings: dict[str, Any] = {**uvicorn_settings(), "log_config": logs.log_config(log_format, log_level)}
    server = _Server(uvicorn.Config(app, log_level="warning", **settings), asking, socket.socket(fileno=handover))
    server.join(number, replicas, Board.opened(board, replicas))
    try:
        server.run(sockets=[])
    except Exception as exc:
        asking.setblocking(True)
        asking.sendall(frame((0, "failed", (f"{type(exc).__name__}: {exc}",))))
        raise
    sys.exit(0 if server.started else 1)


class _Server(uvicorn.Server):
    """Serves connections that somebody else has accepted."""

    def __init__(self, config: uvicorn.Config, control: socket.socket, handover: socket.socket) -> None:
        super().__init__(config)
        self._control, self._handed = control, handover
        named = ("stop", "drain", "ping", "queued", "collect", "make_room")
        self._line = Line({word: getattr(self, f"_{word}") for word in named})
        self._connecting: set[asyncio.Task[Any]] = set()

    def join(self, number: int, replicas: int, board: Board) -> None:
        """Have the servers of the application, once it is imported, be one of several."""
        self._links = Links(number, self._line)
        self._membership = Membership(number, replicas, self._line, self._links, board)
        become_member(self._membership)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, and take connections from then on."""
        self._loop = asyncio.get_running_loop()
        await self._line.connect(self._control)
        await super().startup(sockets=sockets)
        if self.started:
            self._receiver = HandoverReceiver(self._handed, self._take)
            self._line.tell("ready")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the connections, those that other replicas have passed on too, and the application."""
        self._receiver.close()
        await self._links.close()
        await super().shutdown(sockets=sockets)

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave Ctrl-C, which every process of a terminal gets, to the front."""
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self._has_drained())
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _has_drained(self) -> None:
        # Called by a signal, or by whatever the application has put before it.
        self._loop.call_soon_threadsafe(self._line.tell, "drained")

    async def _drain(self) -> None:
        if any(server.admission.is_leaving for server in self._membership.servers):
            # SIGTERM has come here too, and is told of when that drain is over.
            return
        await asyncio.gather(*self._membership.answer_all("drain"))
        self._line.tell("drained")

    def _stop(self) -> None:
        self.should_exit = True

    def _ping(self) -> None:
        """Show that the event loop goes round."""

    def _queued(self, server: int, slot: int, position: int) -> None:
        self._membership.servers[server].admission.tell_queued(slot, position)

    def _collect(self, server: int, question: str) -> Any:
        return self._membership.answer(server, question)

    def _make_room(self, server: int) -> Any:
        return self._membership.answer(server, "make_room")

    def _take(self, note: int, sock: socket.socket) -> None:
        if note != CONNECTION:
            self._links.take(note, sock)
            return
        connecting = asyncio.ensure_future(self._loop.connect_accepted_socket(self._protocol, sock))
        self._connecting.add(connecting)
        connecting.add_done_callback(self._connecting.discard)

    def _protocol(self) -> asyncio.Protocol:
        protocol: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol
