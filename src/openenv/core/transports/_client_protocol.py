"""A WebSocket client without I/O: bytes in, messages out, for both kinds of socket.

Source: RFC 6455, by the `websockets` package's sans-I/O `ClientProtocol`; see `_data_frames` for what is done without.
"""

from __future__ import annotations

import contextlib
import logging
import re
from dataclasses import replace

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI
from websockets.extensions import ClientExtensionFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI, parse_uri

from .._secrets import guard_loggers
from ..exceptions import (
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    OpenEnvError,
    RateLimitError,
    SessionLostError,
)
from ..utils import convert_to_ws_url, is_loopback
from ..wire.codec import decode
from ..wire.frames import PROCESS_HEADER, SUBPROTOCOL_V2, Version
from ..wire.messages import is_binary
from ._data_frames import FrameReader, FrameWriter
from .base import TransportSettings

__all__ = ["ClientConnection"]

_REASON_BYTES = 500
# In place of the one of `websockets`, which writes down headers and frames as they are.
_LOGGER = "openenv.wire"
_TOO_BIG = 1009
_HEAD_END = b"\r\n\r\n"
_PROCESS = re.compile(r"(\d{1,4})/(\d{1,4})")
_PAGE_OF_SPACE = re.compile(r"https?://(?:www\.)?(?:huggingface\.co|hf\.co)/spaces/", re.I)

guard_loggers([_LOGGER])


class ClientConnection:
    """One WebSocket connection as its bytes tell it.

    Attributes:
        url: The address it goes to.
        uri: The same in parts.
        version: The version of the protocol agreed on; `V1` until the handshake is over.
        is_ready: Whether the handshake is over and nothing has failed.
        too_long: How the message began that was longer than this client reads; empty where none was.
        processes: The numbers of the server's processes, that of the one that answers first; empty where it does not
            say that it has several.
    """

    def __init__(self, settings: TransportSettings, hint: str = "") -> None:
        """Make a connection that has sent nothing.

        Args:
            settings: How the server is reached.
            hint: What a server of several processes is told, as the address's query, for one of them to answer.
        """
        self.url, uri = _address(settings.base_url)
        self.uri = replace(uri, query=hint) if hint else uri
        self.processes: list[int] = []
        self.version = Version.V1
        self.is_ready = False
        self.too_long = b""
        self._parts: list[bytes] = []
        self._last = b""
        self._max_bytes = settings.max_message_bytes
        # Once the handshake is over, unless messages are compressed.
        self._reader: FrameReader | None = None
        self._writer: FrameWriter | None = None
        self._protocol = ClientProtocol(
            self.uri,
            subprotocols=[Subprotocol(SUBPROTOCOL_V2)],
            extensions=None if is_loopback(self.url) else [_deflate()],
            max_size=settings.max_message_bytes,
            logger=logging.getLogger(_LOGGER),
        )
        request = self._protocol.connect()
        request.headers["User-Agent"] = _user_agent()
        for name, value in settings.headers.items():
            if name in request.headers:
                del request.headers[name]
            request.headers[name] = value
        self._protocol.send_request(request)
        self._has_outgoing = True

    @property
    def is_closed(self) -> bool:
        """Return whether nothing more will come."""
        return self._protocol.state in {State.CLOSING, State.CLOSED} or self._protocol.handshake_exc is not None

    def outgoing(self) -> bytes:
        """Return the bytes to send now."""
        if not self._has_outgoing:
            return b""
        self._has_outgoing = False
        return b"".join(self._protocol.data_to_send())

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes that came and return the messages that are whole now; feed nothing at the end of the stream."""
        reader = self._reader
        if reader is None or not data:
            return self._feed(data) if self.is_ready or not data else self._shake_hands(data)
        message = reader.message(data)
        if message is not None:
            return [message]
        messages = []
        for is_message, part in reader.frames(data):
            messages += [part] if is_message else self._feed(part)
        if reader.too_long:
            # `websockets` ends the connection, and passes over what follows.
            self.too_long, self._reader = reader.too_long, None
        return messages

    def _shake_hands(self, data: bytes) -> list[bytes]:
        # What follows the head of the answer is read by the reader, where the server lets this client in.
        end = (self._last + data).find(_HEAD_END)
        cut = len(data) if end < 0 else end + len(_HEAD_END) - len(self._last)
        self._last = (self._last + data)[-len(_HEAD_END) + 1 :]
        messages = self._feed(data[:cut])
        if self.is_ready and not self._protocol.extensions:
            self._reader, self._writer = FrameReader(self._max_bytes), FrameWriter()
        return messages + self.feed(data[cut:]) if cut < len(data) else messages

    def _feed(self, data: bytes) -> list[bytes]:
        """Have `websockets` take bytes."""
        self._has_outgoing = True
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        messages = []
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                message = self._take(event)
                if message is not None:
                    messages.append(message)
            elif isinstance(event, Response) and self._protocol.handshake_exc is None:
                self.is_ready = True
                self.version = Version(self._protocol.subprotocol)
                self.processes = _processes(event.headers.get(PROCESS_HEADER, ""))
        return messages

    def _take(self, frame: Frame) -> bytes | None:
        if frame.opcode in {Opcode.TEXT, Opcode.BINARY} and frame.fin:
            return bytes(frame.data)
        if frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            self._parts.append(bytes(frame.data))
            if frame.fin:
                message, self._parts = b"".join(self._parts), []
                return message
        return None

    def send(self, message: str | bytes) -> bytes:
        """Return the bytes that send a message, JSON as text; none where the connection is ending."""
        if self._protocol.state is not State.OPEN:
            return self.outgoing()
        data = message.encode() if isinstance(message, str) else message
        if self._writer is not None:
            return self._writer.frame(data, is_text=not is_binary(data))
        self._has_outgoing = True
        if is_binary(data):
            self._protocol.send_binary(data)
        else:
            self._protocol.send_text(data)
        return self.outgoing()

    def ping(self) -> bytes:
        """Return the bytes of a sign of life."""
        self._has_outgoing = True
        if self._protocol.state is State.OPEN:
            self._protocol.send_ping(b"openenv")
        return self.outgoing()

    def close(self) -> bytes:
        """Return the bytes that end the connection."""
        self._has_outgoing = True
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(1000)
        return self.outgoing()

    @property
    def _own_path(self) -> str:
        """Return the path of the server's address, without that of its WebSocket."""
        return self.uri.path.removesuffix("/ws")

    def refusal(self) -> OpenEnvError:
        """Return why the handshake failed."""
        exc = self._protocol.handshake_exc
        if isinstance(exc, InvalidStatus):
            body = _reason(exc.response.body or b"")
            told = f"{self.url} answered {exc.response.status_code} {exc.response.reason_phrase}"
            if exc.response.status_code in {401, 403}:
                return _denial(exc.response.status_code, f"{told}: {body}" if body else told, self._own_path)
            if exc.response.status_code == 429:
                return RateLimitError(_seconds(exc.response.headers.get("Retry-After")), f"{told}: {body}")
            asked = f"{told}: is there an OpenEnv server at that address?{_advice_on_path(self._own_path)}"
            return ConnectError(f"{told}: {body}" if body else asked)
        if isinstance(exc, InvalidHandshake):
            return ConnectError(f"{self.url} does not speak WebSocket: {exc}")
        return ConnectError(f"{self.url} closed the connection before the handshake was over")

    @property
    def answer_was_too_long(self) -> bool:
        """Return whether the connection ended because the server sent more than this client reads."""
        sent = self._protocol.close_sent
        return sent is not None and sent.code == _TOO_BIG and not self._protocol.close_rcvd_then_sent

    @property
    def message_was_too_long(self) -> bool:
        """Return whether the server ended the connection because this client sent more than it reads."""
        received = self._protocol.close_rcvd
        return received is not None and received.code == _TOO_BIG and not self.answer_was_too_long

    def loss(self) -> SessionLostError:
        """Return the error that says that the session went with the connection."""
        return SessionLostError(
            f"the connection to {self.url} was lost: {self.why_closed()}. The episode cannot be reached again; reset() "
            f"opens a new one"
        )

    def why_closed(self) -> str:
        """Return why nothing more will come."""
        received = self._protocol.close_rcvd
        if self.answer_was_too_long:
            return "the answer was longer than max_message_size_mb allows"
        if received is None:
            return "no closing word from the server"
        if self.message_was_too_long:
            return "the server closed it, as the message was longer than it reads"
        return f"the server closed it with code {received.code}" + (f" ({received.reason})" if received.reason else "")


def _processes(header: str) -> list[int]:
    told = _PROCESS.fullmatch(header)
    if told is None:
        return []
    own = int(told[1])
    return [own, *(number for number in range(1, int(told[2]) + 1) if number != own)]


def _reason(body: bytes | bytearray) -> str:
    """Return what the body of a refusal says: the message in it, where it is one of an OpenEnv server."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return str(decode(bytes(body))["detail"]["message"])
    return body[:_REASON_BYTES].decode(errors="replace").strip()


def _denial(status: int, told: str, path: str) -> AuthenticationError:
    advice = (
        "Pass the client the server's token as auth_token=…, or set OPENENV_AUTH_TOKEN"
        if status == 401
        else "The server refuses this client, or what stands before it does, or it is no OpenEnv server"
        + _advice_on_path(path)
    )
    return AuthenticationError(f"{told}. {advice}", status=status)


def _advice_on_path(path: str) -> str:
    if not path:
        return ""
    return f". The client asks for /ws by itself: leave {path!r} out of base_url, unless the server is served below it"


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() else None


def _address(base_url: str) -> tuple[str, WebSocketURI]:
    _refuse_page_of_space(base_url)
    try:
        url = convert_to_ws_url(base_url) + "/ws"
        uri = parse_uri(url)
        if uri.query:
            raise ValueError("an address has no query")
        return url, uri
    except (ValueError, InvalidURI) as exc:
        raise ConfigurationError(
            f"expected base_url to be the address of a server, such as 'http://localhost:8000', got {base_url!r}"
        ) from exc


def _refuse_page_of_space(base_url: str) -> None:
    if not _PAGE_OF_SPACE.match(base_url):
        return
    from ..hub.space_name import SpaceName

    server = SpaceName.parse(base_url).running_url
    raise ConfigurationError(f"{base_url!r} is the page of a Space: its server is at base_url={server!r}")


def _deflate() -> ClientExtensionFactory:
    # Imported here: connections to this machine do without it.
    from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

    return ClientPerMessageDeflateFactory(compress_settings={"memLevel": 5})


def _user_agent() -> str:
    from ... import __version__

    return f"openenv/{__version__}"
