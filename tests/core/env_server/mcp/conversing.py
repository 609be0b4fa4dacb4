"""The official SDK's client, talking to a server."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, ErrorData, InitializeResult

__all__ = ["Talk", "conversing", "refusal"]

# Reading certificates takes longer than a session does.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass(frozen=True)
class Talk:
    """An MCP session, as its client has it.

    Attributes:
        client: The client.
        told: What the server said at first.
        id: The session's id.
    """

    client: ClientSession
    told: InitializeResult
    id: str

    async def call(self, name: str, /, **arguments: Any) -> CallToolResult:
        return await self.client.call_tool(name, arguments)

    async def read(self, uri: str) -> str:
        contents = (await self.client.read_resource(uri)).contents[0]  # type: ignore[arg-type]
        return str(getattr(contents, "text", ""))

    async def tools(self) -> list[str]:
        return [tool.name for tool in (await self.client.list_tools()).tools]


@asynccontextmanager
async def conversing(base_url: str, headers: Mapping[str, str] | None = None, **options: Any) -> AsyncIterator[Talk]:
    """Open an MCP session, and end it."""
    async with _connected(base_url, headers, **options) as (client, session_id):
        told = await client.initialize()
        yield Talk(client, told, session_id() or "")


async def refusal(base_url: str, headers: Mapping[str, str] | None = None) -> ErrorData:
    """Return the error by which a server refuses an MCP session."""
    async with _connected(base_url, headers) as (client, _):
        try:
            await client.initialize()
        except McpError as exc:
            return exc.error
        raise AssertionError("the session was opened")


@asynccontextmanager
async def _connected(
    base_url: str, headers: Mapping[str, str] | None, **options: Any
) -> AsyncIterator[tuple[ClientSession, Callable[[], str | None]]]:
    async with (
        httpx.AsyncClient(headers=headers, trust_env=False, verify=_NO_TLS, timeout=httpx.Timeout(30)) as web,
        streamable_http_client(f"{base_url}/mcp", http_client=web) as (read, write, session_id),
        ClientSession(read, write, **options) as client,
    ):
        yield client, session_id
