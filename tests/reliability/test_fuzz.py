"""Whatever comes over a connection, sessions live on: those beside it, and the one that it came to."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openenv.core.transports._client_protocol import ClientConnection
from openenv.core.transports.base import TransportSettings
from openenv.testing import RunningServer, serve

from .environments import Counter
from .report import tell

pytestmark = pytest.mark.lengthy

_PATIENCE_S = 60.0
_WITNESS = 7
_UNHURRIED: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}
# Errors of the one who asks. Anything else would be the server's own.
_REFUSALS = {
    "FrameError",
    "InvalidRequestError",
    "RequestCancelledError",
    "SessionError",
    "SessionNotFoundError",
}


class _Peer:
    """A connection over which anything can be sent."""

    def __init__(self, sock: socket.socket, url: str) -> None:
        self.sock = sock
        self.connection = ClientConnection(TransportSettings(url))
        self._answers: list[dict[str, Any]] = []
        sock.sendall(self.connection.outgoing())
        while not self.connection.is_ready:
            self._read()

    def send(self, frame: str) -> None:
        self.sock.sendall(self.connection.send(frame))

    def ask(self, kind: str, number: int, channel: int = _WITNESS, **data: object) -> dict[str, Any]:
        """Return the data of the answer to a request, past all other answers."""
        self.send(json.dumps({"type": kind, "id": number, "channel": channel, "data": data}))
        while True:
            while self._answers:
                answer = self._answers.pop(0)
                if (answer.get("id"), answer.get("channel", 0)) == (number, channel):
                    assert answer["type"] != "error", answer
                    told: dict[str, Any] = answer["data"]
                    return told
            self._read()

    def _read(self) -> None:
        data = self.sock.recv(65536)
        for message in self.connection.feed(data):
            answer = json.loads(message)
            self._answers += answer if isinstance(answer, list) else [answer]
        assert data, "the server ended the connection"


@contextmanager
def _connected(server: RunningServer) -> Iterator[_Peer]:
    address = urlsplit(server.base_url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=_PATIENCE_S) as sock:
        yield _Peer(sock, server.base_url)


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serve(Counter, max_concurrent_envs=10_000) as running:
        yield running
        assert set(running.app.state.openenv.sessions.telemetry.errors) <= _REFUSALS


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_plausible = st.fixed_dictionaries(
    {"type": st.sampled_from(["open", "reset", "step", "state", "mcp", "close", "cancel", "jump"])},
    optional={
        "id": st.integers(0, 9) | _json,
        "channel": st.integers(0, 3) | _json.filter(lambda channel: channel != _WITNESS),
        "data": st.dictionaries(
            st.sampled_from(["number", "what", "id", "session_id", "secret", "grace_s", "seed"]), _json
        ),
        "ack": st.integers(0, 9) | _json,
        "timeout_s": _json,
    },
).map(json.dumps)


@st.composite
def _mutated(draw: st.DrawFn) -> str:
    """Return a frame that was right before a few characters of it changed."""
    text = draw(_plausible)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(["", "0", '"', "{", "}", ",", "\\", "é", "\x00"])) + text[at + 1 :]
    return text


_together = st.lists(_plausible | _json.map(json.dumps), max_size=4).map(lambda frames: f"[{','.join(frames)}]")
_messages = st.lists(_plausible | _mutated() | _together | _json.map(json.dumps) | st.text(), min_size=1, max_size=6)


def _is_sendable(message: str) -> bool:
    # What a mutation made of a frame may name the witness's channel.
    return str(_WITNESS) not in message and message.isprintable()


def _fuzz_messages(server: RunningServer, examples: int) -> None:
    @settings(max_examples=examples, **_UNHURRIED)
    @given(messages=_messages)
    def send(messages: list[str]) -> None:
        with _connected(server) as peer:
            peer.ask("open", 1)
            for message in filter(_is_sendable, messages):
                peer.send(message)
            assert peer.ask("step", 2)["observation"]["count"] == 1
            peer.ask("close", 3)

    send()


def _fuzz_bytes(server: RunningServer, examples: int) -> None:
    @settings(max_examples=examples, **_UNHURRIED)
    @given(noise=st.binary(min_size=1, max_size=200), at=st.integers(0, 40))
    def send(noise: bytes, at: int) -> None:
        with _connected(server) as peer:
            ticket = peer.ask("open", 1)
            peer.ask("step", 2)
            frame = bytearray(peer.connection.send('{"type":"step","id":4,"channel":1,"data":{}}'))
            frame[at : at + len(noise)] = noise
            with suppress(OSError):
                peer.sock.sendall(frame)
        # The connection may be past help; its session is not.
        with _connected(server) as peer:
            peer.ask("open", 5, session_id=ticket["session_id"], secret=ticket["secret"])
            assert peer.ask("step", 6)["observation"]["count"] == 2
            peer.ask("close", 7)

    send()


@pytest.mark.parametrize("examples", [60, pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_no_message_ends_a_session(server: RunningServer, examples: int) -> None:
    _fuzz_messages(server, examples)
    tell(f"{examples:,} connections with up to six messages that hypothesis wrote", "no session ended, no server error")


@pytest.mark.parametrize("examples", [60, pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_no_bytes_end_a_session(server: RunningServer, examples: int) -> None:
    _fuzz_bytes(server, examples)
    tell(f"{examples:,} connections with bytes that are no frame", "every session was taken up again")
