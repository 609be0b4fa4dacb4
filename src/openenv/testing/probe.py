"""The server that providers are checked with: it shows its environment variables, and fails as they tell it to.

    openenv.testing.probe:app                                    the ASGI application
    python -m openenv.testing.probe --host 0.0.0.0 --port 8000   a server of it

What `OPENENV_PROBE` holds says how it behaves:

    die      print the values of its variables, and exit with 3 before it listens
    deaf     never answer

`GET /health` is answered as every server does, `GET /probe` by its variables: those whose names begin with
`OPENENV_PROBE`. Everything else is left to the server of `ProbeEnvironment`, which is loaded when it is asked: a suite
of checks makes many starts, and each is to cost little.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = ["BEHAVIOUR", "DEAF", "DIE", "DIE_STATUS", "app", "main", "probe_variables"]

BEHAVIOUR = "OPENENV_PROBE"
DIE = "die"
DEAF = "deaf"
DIE_STATUS = 3

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]


def probe_variables() -> dict[str, str]:
    """Return the environment variables whose names begin with `OPENENV_PROBE`."""
    return {name: value for name, value in os.environ.items() if name.startswith(BEHAVIOUR)}


def _behave() -> None:
    wanted = os.environ.get(BEHAVIOUR)
    if wanted == DIE:
        print("The probe dies, as it is told, with", *probe_variables().values(), file=sys.stderr, flush=True)  # noqa: T201
        sys.exit(DIE_STATUS)
    if wanted == DEAF:
        threading.Event().wait()


class _Probe:
    """Answers what is cheap to answer, and loads the environment's server for the rest."""

    def __init__(self) -> None:
        self._loaded = contextlib.AsyncExitStack()
        self._loading = asyncio.Lock()
        self._server: Any = None

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answer."""
        answers = {"/health": {"status": "healthy"}, "/probe": probe_variables()}
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http" and scope["path"] in answers:
            await _answer(answers[scope["path"]], send)
        else:
            async with self._loading:
                server = self._server or await self._load()
            await server(scope, receive, send)

    async def _live(self, receive: _Receive, send: _Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._loaded.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def _load(self) -> Any:
        from ..core.env_server.http_server import create_app
        from .probe_environment import ProbeEnvironment

        server: Any = create_app(ProbeEnvironment, env_name="probe")
        await self._loaded.enter_async_context(server.router.lifespan_context(server))
        self._server = server
        return server


async def _answer(content: dict[str, str], send: _Send) -> None:
    body = json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


_behave()
app = _Probe()


def main() -> None:
    """Serve the probe at the address that the command line names."""
    import uvicorn

    parser = argparse.ArgumentParser(description="Serve the probe that providers are checked with.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    address = parser.parse_args()
    uvicorn.run(app, host=address.host, port=address.port)


if __name__ == "__main__":
    main()
