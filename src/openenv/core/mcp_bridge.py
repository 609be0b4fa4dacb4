"""An environment's server as an MCP server on standard input and output, as desktop agents want one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from ._secrets import mask
from .exceptions import MissingExtraError
from .transports._authorization import authorized
from .utils import is_loopback

try:
    import httpx
    from mcp import types
    from mcp.client.streamable_http import streamable_http_client
    from mcp.server.stdio import stdio_server
    from mcp.shared.message import SessionMessage
except ImportError as exc:
    raise MissingExtraError("openenv mcp", "mcp") from exc

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

__all__ = ["bridge"]

_TIMEOUT_S = 30.0
_FAILED = -32000


def bridge(base_url: str, auth_token: str | None = None) -> None:
    """Pass on what comes on standard input to a server's `/mcp`, and its answers to standard output, until input ends.

    Args:
        base_url: The server's address, such as `http://localhost:8000`.
        auth_token: The token that the server wants; by default the one in the environment variable
            `OPENENV_AUTH_TOKEN`.
    """
    asyncio.run(_bridge(base_url.rstrip("/"), authorized({}, auth_token)))


async def _bridge(base_url: str, headers: dict[str, str]) -> None:
    waiting: dict[str | int, None] = {}
    # Standard output is written to until `says` is closed.
    async with stdio_server() as (said, says), says:
        try:
            async with _server(base_url, headers) as (answers, asks, _):
                await _pass_on(said, asks, _hear(answers, says, waiting), waiting)
        except Exception as exc:  # noqa: BLE001 - the boundary before whoever asks: told to them, as long as they ask
            problem = _innermost(exc)
            await _refuse(waiting, says, problem)
            async for message in said:
                await _refuse(_ids_of(message), says, problem)


async def _pass_on(said: Any, asks: Any, hear: Coroutine[Any, Any, None], waiting: dict[str | int, None]) -> None:
    """Pass on what is asked until there is no more."""
    hearing = asyncio.ensure_future(hear)
    try:
        async for message in said:
            waiting.update(_ids_of(message))
            if not isinstance(message, Exception):
                await asks.send(message)
    finally:
        hearing.cancel()
        await asyncio.wait({hearing})


def _server(base_url: str, headers: dict[str, str]) -> AbstractAsyncContextManager[Any]:
    # A tool takes as long as it takes; no proxy leads to this machine itself.
    timeout = httpx.Timeout(_TIMEOUT_S, read=None)
    web = httpx.AsyncClient(headers=headers, timeout=timeout, trust_env=not is_loopback(base_url))
    return streamable_http_client(f"{base_url}/mcp", http_client=web)


async def _hear(answers: Any, says: Any, waiting: dict[str | int, None]) -> None:
    """Pass on what the server says; what it cannot answer is answered for it."""
    async for message in answers:
        if isinstance(message, Exception):
            await _refuse(waiting, says, message)
        else:
            waiting.pop(getattr(message.message.root, "id", None), None)  # type: ignore[arg-type]
            await says.send(message)


def _ids_of(message: SessionMessage | Exception) -> dict[str | int, None]:
    """Return the id of a request; of nothing else."""
    root = None if isinstance(message, Exception) else message.message.root
    return {root.id: None} if isinstance(root, types.JSONRPCRequest) else {}


async def _refuse(waiting: dict[str | int, None], says: Any, exc: BaseException) -> None:
    """Tell those who wait why there is no answer."""
    told = f"the environment's server cannot be asked: {type(exc).__name__}: {exc}"
    while waiting:
        request_id, _ = waiting.popitem()
        error = types.JSONRPCError(
            jsonrpc="2.0", id=request_id, error=types.ErrorData(code=_FAILED, message=mask(told))
        )
        await says.send(SessionMessage(types.JSONRPCMessage(error)))


def _innermost(exc: BaseException) -> BaseException:
    """Return the first exception inside groups of them."""
    inner = getattr(exc, "exceptions", None)
    return _innermost(inner[0]) if inner else exc
