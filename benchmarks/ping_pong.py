"""What a round trip between two processes costs on this machine when neither is this project.

python -m benchmarks.ping_pong

Two processes pass a hundred bytes to and fro over a plain socket on loopback, and each is busy for a while before it
answers. What a round trip takes beyond that is the kernel's and the machine's: a processor that has nothing to do while
the other side works is put to sleep, and has to be woken.
"""

from __future__ import annotations

import multiprocessing
import socket
import time

__all__ = ["round_trip_us"]

_MESSAGE = b"x" * 100
_BUSY_US = (0, 20, 40, 100)
_ROUND_TRIPS = 5_000


def round_trip_us(busy_us: float, round_trips: int = _ROUND_TRIPS) -> float:
    """Return the microseconds of a round trip of which each side is busy for so many.

    Args:
        busy_us: For how many microseconds either side is busy.
        round_trips: How many are measured.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        answering = multiprocessing.get_context("fork").Process(target=_answer, args=(listener, busy_us))
        answering.start()
        with socket.create_connection(listener.getsockname()) as asking:
            asking.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            begun = time.perf_counter()
            for _ in range(round_trips):
                asking.sendall(_MESSAGE)
                asking.recv(len(_MESSAGE))
                _be_busy(busy_us)
            taken = time.perf_counter() - begun
        answering.join()
    return taken / round_trips * 1e6


def _answer(listener: socket.socket, busy_us: float) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while message := connection.recv(len(_MESSAGE)):
            _be_busy(busy_us)
            connection.sendall(message)


def _be_busy(microseconds: float) -> None:
    until = time.perf_counter() + microseconds * 1e-6
    while time.perf_counter() < until:
        pass


def main() -> None:
    """Print what round trips cost."""
    for busy_us in _BUSY_US:
        taken_us = round_trip_us(busy_us)
        beyond_us = taken_us - 2 * busy_us
        print(f"each busy for {busy_us:3} µs: {taken_us:4.0f} µs a round trip, {beyond_us:3.0f} µs of it beyond that")


if __name__ == "__main__":
    main()
