"""A server that speaks OpenAI's chat completions, on a real socket, and says what it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["ChatServer", "Reply", "chatting"]


@dataclass(frozen=True)
class Reply:
    """What the server answers a request with.

    Attributes:
        text: What the model says; or, where it is no text, the body as it is.
        status: The HTTP status.
        headers: Further headers.
        hangs_up: Whether the connection ends instead.
        after: What has to be set before it answers.
    """

    text: Any = "1.0"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    hangs_up: bool = False
    after: threading.Event | None = None


@dataclass
class ChatServer:
    """A server that answers.

    Attributes:
        base_url: Its address, with `/v1`.
        replies: What it answers the next requests with; the last one over and over.
        choose: What it answers a prompt with, where that decides.
        requests: The paths, headers and bodies of what it was asked.
    """

    base_url: str = ""
    replies: list[Reply] = field(default_factory=lambda: [Reply()])
    choose: Callable[[str], Reply] | None = None
    requests: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)

    def reply(self, prompt: str) -> Reply:
        if self.choose is not None:
            return self.choose(prompt)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    @property
    def prompts(self) -> list[str]:
        return [body["messages"][-1]["content"] for _, _, body in self.requests]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went before they were answered."""


@contextmanager
def chatting(*replies: Reply) -> Iterator[ChatServer]:
    """Give a server that answers its requests with these, the last one over and over."""
    chat = ChatServer(replies=list(replies) or [Reply()])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            chat.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            reply = chat.reply(body["messages"][-1]["content"])
            if reply.after is not None:
                reply.after.wait()
            if reply.hangs_up:
                self.close_connection = True
                return
            payload = _payload(reply) if self.path == "/v1/chat/completions" else b'{"detail":"Not Found"}'
            self.send_response(reply.status if self.path == "/v1/chat/completions" else 404)
            for name, value in {"Content-Length": str(len(payload)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with _Server(("127.0.0.1", 0), Handler) as server:
        chat.base_url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield chat
        server.shutdown()
        thread.join()


def _payload(reply: Reply) -> bytes:
    if isinstance(reply.text, bytes):
        return reply.text
    told = reply.text
    if isinstance(told, str):
        told = {"choices": [{"message": {"role": "assistant", "content": told}}]}
    return json.dumps(told).encode()
