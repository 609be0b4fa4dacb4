"""The application's side of a WebSocket: the scope, `receive` and `send` of ASGI."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import MutableMapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from .channel import CHANNEL
from .frames import CloseCode
from .handshake import Handshake, Headers, accepting, refusing

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

    from .protocol import WebSocketProtocol

__all__ = ["Application"]

_Message = MutableMapping[str, Any]

_MOST_UNREAD = 32

_logger = logging.getLogger("uvicorn.error")


class Application:
    """The application that serves one WebSocket, while it does.

    Attributes:
        is_accepted: Whether it has accepted the WebSocket.
        scope: What it was told of it.
    """

    __slots__ = ("_config", "_events", "_key", "_protocol", "_refusal", "_server", "_waiting", "is_accepted", "scope")

    def __init__(
        self,
        protocol: WebSocketProtocol,
        config: Config,
        server: ServerState,
        state: dict[str, Any],
        handshake: Handshake,
        key: bytes,
    ) -> None:
        """Make ready to call the application.

        Args:
            protocol: The connection.
            config: What uvicorn was set up with.
            server: What uvicorn's connections share.
            state: What the application's lifespan left for its requests.
            handshake: The client's request.
            key: Its key.
        """
        self._protocol = protocol
        self._config = config
        self._server = server
        self._key = key
        self._events: deque[_Message] = deque([{"type": "websocket.connect"}])
        self._waiting: asyncio.Future[None] | None = None
        self._refusal: tuple[int, Headers, bytes] | None = None
        self.is_accepted = False
        self.scope = self._scope_of(handshake, state)

    def _scope_of(self, handshake: Handshake, state: dict[str, Any]) -> dict[str, Any]:
        path, _, query = handshake.target.partition(b"?")
        root, protocol = self._config.root_path, self._protocol
        return {
            "type": "websocket",
            "asgi": {"version": self._config.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": protocol.scheme,
            "server": protocol.server,
            "client": protocol.client,
            "root_path": root,
            "path": root + unquote(path.decode("ascii")),
            "raw_path": root.encode("ascii") + path,
            "query_string": query,
            "headers": handshake.headers,
            "subprotocols": handshake.subprotocols,
            "state": state.copy(),
            "extensions": {"websocket.http.response": {}, CHANNEL: protocol},
        }

    def start(self) -> None:
        """Call the application."""
        task = asyncio.ensure_future(self._run())
        self._server.tasks.add(task)
        task.add_done_callback(self._server.tasks.discard)

    async def _run(self) -> None:
        try:
            await self._config.loaded_app(self.scope, self.receive, self.send)
        except ConnectionResetError:
            # It was told while it answered that the client is gone.
            self._protocol.close()
        except asyncio.CancelledError:
            self._protocol.close(CloseCode.RESTART)
            raise
        except BaseException:
            _logger.exception("Exception in ASGI application\n")
            self.fail()
        else:
            if self.is_accepted or self._refusal is not None or self._protocol.is_over:
                self._protocol.close()
            else:
                _logger.error("ASGI callable returned without completing handshake.")
                self.fail()

    def fail(self) -> None:
        """Tell the client that the application failed."""
        if self.is_accepted:
            self._protocol.close(CloseCode.INTERNAL_ERROR)
        else:
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, [], b"Internal Server Error")

    def received(self, message: str | bytes) -> None:
        """Keep a message until the application asks for it."""
        form = "text" if isinstance(message, str) else "bytes"
        self._put({"type": "websocket.receive", form: message})
        if len(self._events) >= _MOST_UNREAD:
            self._protocol.pause()

    def disconnected(self, code: int, reason: str = "") -> None:
        """Have the application told, after the messages that came before, that the connection has ended."""
        self._put({"type": "websocket.disconnect", "code": code, "reason": reason})

    def unread(self) -> list[str | bytes]:
        """Return the messages that were kept, and forget them."""
        kept = [event for event in self._events if event["type"] == "websocket.receive"]
        self._events = deque(event for event in self._events if event["type"] != "websocket.receive")
        return [event["text"] if "text" in event else event["bytes"] for event in kept]

    def _put(self, event: _Message) -> None:
        self._events.append(event)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def receive(self) -> _Message:
        """Return what happened next, as ASGI has it."""
        while not self._events:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        event = self._events.popleft()
        if not self._events:
            self._protocol.resume()
        return event

    async def send(self, message: _Message) -> None:
        """Do what the application says, as ASGI has it.

        Raises:
            ConnectionResetError: The connection has ended.
            RuntimeError: The message is none that may come now.
        """
        await self._protocol.drained()
        kind = message["type"]
        if self._protocol.is_over:
            raise ConnectionResetError("the WebSocket is closed")
        if self.is_accepted:
            self._say(kind, message)
        elif kind == "websocket.accept":
            self._accept(message)
        elif kind == "websocket.close":
            self._log("403")
            self._refuse(HTTPStatus.FORBIDDEN, [], b"")
        elif kind == "websocket.http.response.start" and self._refusal is None:
            self._log(str(message["status"]))
            self._refusal = int(message["status"]), [*self._server.default_headers, *message.get("headers", [])], b""
        elif kind == "websocket.http.response.body" and self._refusal is not None:
            self._answer(message)
        else:
            raise RuntimeError(f"expected the application to accept or refuse the WebSocket, got {kind!r}")

    def _say(self, kind: str, message: _Message) -> None:
        if kind == "websocket.send":
            text, data = message.get("text"), message.get("bytes")
            self._protocol.send(data if text is None and data is not None else text or "")
        elif kind == "websocket.close":
            self._protocol.close(message.get("code") or CloseCode.NORMAL, message.get("reason") or "")
        else:
            raise RuntimeError(f"expected websocket.send or websocket.close, got {kind!r}")

    def _accept(self, message: _Message) -> None:
        self._log("[accepted]")
        headers = [*self._server.default_headers, *message.get("headers", [])]
        if message.get("subprotocol"):
            headers.append((b"sec-websocket-protocol", str(message["subprotocol"]).encode()))
        self.is_accepted = True
        self._protocol.opened(accepting(self._key, headers))

    def _answer(self, message: _Message) -> None:
        if self._refusal is not None:
            status, headers, body = self._refusal
            self._refusal = status, headers, body + message.get("body", b"")
            if not message.get("more_body", False):
                self._refuse(*self._refusal)

    def _refuse(self, status: int, headers: Headers, body: bytes) -> None:
        self.disconnected(CloseCode.ABNORMAL)
        self._protocol.refused(refusing(status, headers, body))

    def _log(self, outcome: str) -> None:
        if _logger.isEnabledFor(logging.INFO):
            client, query = self._protocol.client, self.scope["query_string"].decode("latin-1")
            address = f"{client[0]}:{client[1]}" if client else ""
            target = quote(self.scope["path"]) + (f"?{query}" if query else "")
            _logger.info('%s - "WebSocket %s" %s', address, target, outcome)
