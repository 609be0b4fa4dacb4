"""Where connections arrive, and what their first bytes tell of where they belong."""

from __future__ import annotations

import asyncio
import errno
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass

from ..observability import logs

__all__ = ["Caller", "Reception"]

_logger = logs.server_logger(__name__)

_AT_ONCE = 64
_PEEK_BYTES = 8192
_PATIENCE_S = 0.5
_PAUSE_S = 1.0
_OUT_OF_MEANS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_SESSION = re.compile(
    rb"^GET [^ ]*[?&]session_id=([^&# ]{1,256})"
    rb"|\r\nmcp-session-id:[ \t]*([^.\r\n]{1,256})"
    rb"|\r\nx-session-id:[ \t]*([^\r\n]{1,256})",
    re.I,
)
_REPLICA = re.compile(rb"GET [^ ]*[?&]process=(\d{1,4})[& ]")
_UPGRADE = re.compile(rb"\r\nupgrade:[ \t]*websocket", re.I)


@dataclass(frozen=True)
class Caller:
    """What is known of a connection before anybody has answered it.

    Attributes:
        session_id: The session that it is for; empty where it does not say.
        opens_session: Whether a session is about to be opened over it.
        replica: The number of the replica that it asks for; 0 where it asks for none.
    """

    session_id: str = ""
    opens_session: bool = False
    replica: int = 0

    @classmethod
    def of(cls, head: bytes) -> Caller:
        """Return what the first bytes of a connection tell."""
        found = _SESSION.search(head)
        session_id = (found[1] or found[2] or found[3]).decode("latin-1").strip() if found is not None else ""
        if session_id or _UPGRADE.search(head) is None:
            return cls(session_id)
        wanted = _REPLICA.match(head)
        return cls(opens_session=True, replica=int(wanted[1]) if wanted is not None else 0)


class Reception:
    """Accepts connections, looks at what they begin with, and lets somebody else choose where they go."""

    def __init__(self, listener: socket.socket, hand_out: Callable[[Caller, socket.socket], None]) -> None:
        """Make a reception that is closed.

        Args:
            listener: The listening socket.
            hand_out: Takes each connection.
        """
        listener.setblocking(False)
        self._listener = listener
        self._hand_out = hand_out
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[socket.socket, asyncio.TimerHandle] = {}
        self._pause: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Accept connections from now on."""
        self._loop.add_reader(self._listener.fileno(), self._accept)

    def close(self) -> None:
        """Accept no more, and turn away those who have not said anything yet."""
        self._loop.remove_reader(self._listener.fileno())
        if self._pause is not None:
            self._pause.cancel()
        for connection in list(self._waiting):
            self._take(connection).close()

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as exc:
                if exc.errno not in _OUT_OF_MEANS:
                    raise
                self._rest(exc)
                return
            connection.setblocking(False)
            self._waiting[connection] = self._loop.call_later(_PATIENCE_S, self._look, connection, True)
            # By its number: asyncio writes out whole sockets on the way to look one up.
            self._loop.add_reader(connection.fileno(), self._look, connection)

    def _rest(self, problem: OSError) -> None:
        _logger.error("no connection can be accepted for a second: %s", problem)
        self._loop.remove_reader(self._listener.fileno())
        self._pause = self._loop.call_later(_PAUSE_S, self.open)

    def _look(self, connection: socket.socket, is_late: bool = False) -> None:
        """Hand out a connection by what can be read of it: its server reads that again."""
        try:
            head = connection.recv(_PEEK_BYTES, socket.MSG_PEEK)
            is_gone = not head
        except (BlockingIOError, InterruptedError):
            if not is_late:
                return
            head, is_gone = b"", False
        except OSError:
            head, is_gone = b"", True
        taken = self._take(connection)
        if is_gone:
            taken.close()
            return
        # A head that comes in parts is rare, and what it would have told is found out by whoever reads it.
        self._hand_out(Caller.of(head), taken)

    def _take(self, connection: socket.socket) -> socket.socket:
        self._waiting.pop(connection).cancel()
        self._loop.remove_reader(connection.fileno())
        return connection
