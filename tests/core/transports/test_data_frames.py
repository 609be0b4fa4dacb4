"""Frames that are read and written without `websockets`, held against it."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from openenv.core.transports._client_protocol import ClientConnection
from openenv.core.transports._data_frames import FrameWriter
from openenv.core.transports.base import TransportSettings

MAX_BYTES = 70_000
LENGTHS = [0, 1, 125, 126, 127, 65_535, 65_536, MAX_BYTES]


def shaken_hands(*, then: bytes = b"", cut: int | None = None) -> tuple[ClientConnection, list[bytes]]:
    """Return a connection whose handshake is over, and the messages that came with its end.

    Args:
        then: What comes in one go with the server's answer.
        cut: Where the answer comes in two.
    """
    connection = ClientConnection(TransportSettings("http://localhost:1", max_message_bytes=MAX_BYTES))
    asked = re.search(rb"Sec-WebSocket-Key: (\S+)", connection.outgoing())
    assert asked is not None
    digest = hashlib.sha1(asked[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()  # noqa: S324 - RFC 6455
    answer = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Protocol: openenv.v2\r\nSec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n" + then
    )
    messages = [
        message for part in (answer[:cut], answer[cut:] if cut else b"") if part for message in connection.feed(part)
    ]
    assert connection.is_ready
    return connection, messages


def sent(opcode: Opcode, data: bytes, *, fin: bool = True) -> bytes:
    return bytes(Frame(opcode, data, fin=fin).serialize(mask=False))


def fed(connection: ClientConnection, data: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = [0, *sorted(cut for cut in cuts if 0 < cut < len(data)), len(data)]
    parts = [data[start:end] for start, end in itertools.pairwise(places)]
    return [message for part in parts if part for message in connection.feed(part)]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("is_text", [True, False])
def test_what_is_written_is_what_a_server_reads(length: int, is_text: bool) -> None:
    server = ServerProtocol(subprotocols=[Subprotocol("openenv.v2")], max_size=None)
    connection = ClientConnection(TransportSettings("http://localhost:1"))
    server.receive_data(connection.outgoing())
    [request] = server.events_received()
    server.send_response(server.accept(request))  # type: ignore[arg-type]
    connection.feed(b"".join(server.data_to_send()))
    message = (b"{" if is_text else b"\x81") + b"x" * length
    server.receive_data(connection.send(message) + connection.send(message))
    for event in server.events_received():
        assert isinstance(event, Frame)
        assert (event.opcode, bytes(event.data)) == (Opcode.TEXT if is_text else Opcode.BINARY, message)


def test_every_frame_has_a_mask_of_its_own() -> None:
    writer = FrameWriter()
    masks = [writer.frame(b"", is_text=True)[2:6] for _ in range(1_000)]
    assert len(set(masks)) > 990


@pytest.mark.parametrize("length", LENGTHS)
def test_a_message_is_read_whole_and_in_two(length: int) -> None:
    connection, _ = shaken_hands()
    message = b"m" * length
    frame = sent(Opcode.TEXT, message)
    assert connection.feed(frame) == [message]
    for cut in {1, 2, 3, len(frame) // 2, len(frame) - 1}:
        assert fed(connection, frame, [cut]) == [message]
    assert connection.feed(frame + frame) == [message, message]


ONE = st.sampled_from([0, 1, 5, 125, 126, 300])
PIECES = st.one_of(
    st.tuples(st.just("message"), ONE),
    st.tuples(st.just("ping"), st.integers(0, 125)),
    st.tuples(st.just("pong"), st.integers(0, 5)),
    st.tuples(st.just("in pieces"), ONE),
)


def written(pieces: list[tuple[str, int]]) -> tuple[bytes, list[bytes], int]:
    """Return the bytes of frames, the messages in them, and how many pings there are."""
    data, messages, pings = b"", [], 0
    for number, (kind, length) in enumerate(pieces):
        payload = bytes([number % 256]) * length
        if kind == "message":
            data += sent(Opcode.BINARY if number % 2 else Opcode.TEXT, payload)
        elif kind == "in pieces":
            # Signs of life may come between them.
            data += sent(Opcode.TEXT, payload, fin=False) + sent(Opcode.PING, b"?") + sent(Opcode.CONT, b"", fin=False)
            data += sent(Opcode.CONT, payload)
            payload, pings = payload * 2, pings + 1
        else:
            data += sent(Opcode.PING if kind == "ping" else Opcode.PONG, payload)
            pings += kind == "ping"
        if kind in {"message", "in pieces"}:
            messages.append(payload)
    return data, messages, pings


@given(pieces=st.lists(PIECES, max_size=8), cuts=st.lists(st.integers(0, 4_000), max_size=12))
def test_however_frames_come_the_messages_are_the_same(pieces: list[tuple[str, int]], cuts: list[int]) -> None:
    connection, _ = shaken_hands()
    data, messages, pings = written(pieces)
    assert fed(connection, data, cuts) == messages
    answers = connection.outgoing()
    assert not connection.is_closed
    assert sum(answers[place] == 0x8A for place in _frame_starts(answers)) == pings


def _frame_starts(data: bytes) -> list[int]:
    starts, place = [], 0
    while place < len(data):
        starts.append(place)
        place += 6 + (data[place + 1] & 0x7F)
    return starts


@given(cut=st.integers(1, 120), length=ONE)
def test_what_follows_the_handshake_at_once_is_not_lost(cut: int, length: int) -> None:
    data, messages, _ = written([("message", length), ("in pieces", 3), ("message", 2)])
    connection, early = shaken_hands(then=data, cut=cut)
    assert early == messages
    assert connection.feed(sent(Opcode.TEXT, b"later")) == [b"later"]


def test_what_is_too_long_ends_the_connection_and_says_how_it_began() -> None:
    connection, _ = shaken_hands()
    frame = sent(Opcode.TEXT, b'{"id":7' + b"x" * MAX_BYTES)
    assert connection.feed(frame[:1_000]) == []
    assert connection.answer_was_too_long
    assert connection.too_long.startswith(b'{"id":7x')
    assert connection.is_closed
    assert connection.feed(frame[1_000:]) == []
    assert connection.outgoing()[0] == 0x88


@pytest.mark.parametrize(
    "wrong",
    [
        Frame(Opcode.TEXT, b"x").serialize(mask=True),
        b"\xc1\x01x",
        b"\x83\x00",
        sent(Opcode.CONT, b"x"),
        sent(Opcode.TEXT, b"x", fin=False) + sent(Opcode.TEXT, b"x"),
        b"\x89\x7e\x00\x7e" + b"x" * 126,
    ],
    ids=["masked", "compressed", "unknown", "a piece of nothing", "a message in a message", "a ping too long"],
)
def test_what_no_server_may_send_ends_the_connection(wrong: bytes) -> None:
    connection, _ = shaken_hands()
    assert connection.feed(sent(Opcode.TEXT, b"good")) == [b"good"]
    assert connection.feed(wrong) == []
    assert connection.is_closed
