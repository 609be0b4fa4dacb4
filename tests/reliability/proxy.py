"""A TCP proxy that cuts connections in the middle, as networks do."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_CHUNK = 512


@dataclass
class Proxy:
    """A proxy on loopback.

    Attributes:
        base_url: Its address, for clients.
        cuts: How many connections were cut so far.
        refusing: Whether new connections are cut at once.
    """

    target: tuple[str, int]
    seed: int
    bytes_before_cut: tuple[int, int] | None
    base_url: str = ""
    cuts: int = 0
    refusing: bool = False
    _pairs: set[tuple[socket.socket, socket.socket]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def cut_all(self) -> None:
        """Cut every connection now."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            self._cut(pair)

    def _cut(self, pair: tuple[socket.socket, socket.socket]) -> None:
        self.cuts += 1
        for sock in pair:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def serve(self, listener: socket.socket) -> None:
        chance = random.Random(self.seed)
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            if self.refusing:
                client.close()
                continue
            server = socket.create_connection(self.target)
            limit = None if self.bytes_before_cut is None else chance.randint(*self.bytes_before_cut)
            pair = (client, server)
            with self._lock:
                self._pairs.add(pair)
            budget = [limit]
            for source, sink in (pair, pair[::-1]):
                threading.Thread(target=self._pump, args=(source, sink, pair, budget), daemon=True).start()

    def _pump(
        self,
        source: socket.socket,
        sink: socket.socket,
        pair: tuple[socket.socket, socket.socket],
        budget: list[int | None],
    ) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                left = budget[0]
                if left is not None and left <= len(data):
                    # Half of what came goes through: frames are cut in the middle.
                    sink.sendall(data[: left // 2])
                    self._cut(pair)
                    break
                budget[0] = None if left is None else left - len(data)
                sink.sendall(data)
        for sock in pair:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._pairs.discard(pair)
        source.close()


@contextmanager
def cutting_proxy(url: str, *, bytes_before_cut: tuple[int, int] | None = None, seed: int = 0) -> Iterator[Proxy]:
    """Run a proxy before a server.

    Args:
        url: The server's address.
        bytes_before_cut: Between how many bytes a connection is cut, both ways counted together; `None` to cut only
            when told.
        seed: What makes the cuts the same each time.
    """
    parts = urlsplit(url)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = Proxy((parts.hostname or "", parts.port or 0), seed, bytes_before_cut)
        proxy.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=proxy.serve, args=(listener,), daemon=True)
        thread.start()
        yield proxy
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    proxy.cut_all()
    thread.join(60)
