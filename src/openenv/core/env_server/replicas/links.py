"""The tunnels of a replica to the others, each made when it is first needed."""

from __future__ import annotations

import asyncio
import socket

from ...exceptions import OpenEnvError, SessionLostError
from .line import Line
from .stream import App
from .tunnel import Tunnel

__all__ = ["Links"]


class Links:
    """Finds the tunnel to another replica."""

    def __init__(self, number: int, line: Line) -> None:
        """Make links to nobody.

        Args:
            number: The replica's own number.
            line: The way to ask the front, which connects replicas.
        """
        self._number = number
        self._line = line
        self._apps: dict[int, App] = {}
        self._tunnels: dict[int, asyncio.Future[Tunnel]] = {}
        self._every: set[Tunnel] = set()
        self._connecting: set[asyncio.Task[None]] = set()

    def serve(self, server: int, app: App) -> None:
        """Answer what other replicas pass on to one of the application's servers."""
        self._apps[server] = app

    async def to(self, replica: int) -> Tunnel:
        """Return the tunnel to a replica.

        Raises:
            SessionLostError: It has ended.
        """
        known = self._tunnels.get(replica)
        if known is None or (known.done() and known.result().is_over):
            known = self._tunnels[replica] = asyncio.get_running_loop().create_future()
            try:
                await self._line.ask("link", replica)
            except OpenEnvError as exc:
                known.set_exception(exc)
        try:
            return await asyncio.shield(known)
        except OpenEnvError as exc:
            self._tunnels.pop(replica, None)
            raise SessionLostError(f"the server process that holds the session cannot be reached: {exc}") from exc

    def take(self, replica: int, sock: socket.socket) -> None:
        """Take the socket of a tunnel to a replica."""
        connecting = asyncio.ensure_future(self._take(replica, sock))
        self._connecting.add(connecting)
        connecting.add_done_callback(self._connecting.discard)

    async def _take(self, replica: int, sock: socket.socket) -> None:
        tunnel = Tunnel(self._apps.__getitem__, is_even=self._number < replica, lost=self._every.discard)
        await tunnel.connect(sock)
        self._every.add(tunnel)
        waiting = self._tunnels.setdefault(replica, asyncio.get_running_loop().create_future())
        if waiting.done():
            waiting = self._tunnels[replica] = asyncio.get_running_loop().create_future()
        waiting.set_result(tunnel)

    async def close(self) -> None:
        """End everything that came over the tunnels, and the tunnels."""
        await asyncio.gather(*(tunnel.close() for tunnel in list(self._every)))
