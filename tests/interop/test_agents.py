"""Every client of tools there is, at the echo environment and at one with a FastMCP server."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from tests.core.env_server.mcp.conversing import conversing
from tests.core.fastmcp_import import import_fastmcp

from .conftest import Urls
from .processes import Interpreter

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Place:
    """A server, and what is done there.

    Attributes:
        url: Its address.
        names: The environment's own tools.
        tool: The one that is called.
        arguments: What it is called with.
        result: What it gives.
    """

    url: str
    names: list[str]
    tool: str
    arguments: dict[str, Any]
    result: Any


@pytest.fixture(params=["echo", "fastmcp"])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "echo":
        names, result = ["echo_message", "echo_with_length"], {"message": "hello", "length": 5}
        return Place(request.getfixturevalue("echo_url"), names, names[1], {"message": "hello"}, result)
    servers: dict[str, Urls] = request.getfixturevalue("servers")
    names = ["add", "fail", "remember", "shout"]
    return Place(servers["fastmcp"]["tools"], names, "remember", {"text": "hello"}, {"kept": ["hello"]})


async def _by_sdk(client: ClientSession, place: Place) -> tuple[set[str], Any]:
    await client.initialize()
    await client.call_tool("reset", {})
    names = {tool.name for tool in (await client.list_tools()).tools}
    return names, (await client.call_tool(place.tool, place.arguments)).structuredContent


async def _over_http(place: Place) -> tuple[set[str], Any]:
    async with conversing(place.url) as talk:
        return await _by_sdk(talk.client, place)


async def _over_stdio(place: Place) -> tuple[set[str], Any]:
    async with _agent(place.url) as client:
        return await _by_sdk(client, place)


async def _by_fastmcp(place: Place) -> tuple[set[str], Any]:
    async with import_fastmcp().Client(f"{place.url}/mcp") as client:
        await client.call_tool("reset", {})
        names = {tool.name for tool in await client.list_tools()}
        return names, (await client.call_tool(place.tool, place.arguments)).structured_content


@asynccontextmanager
async def _agent(url: str) -> AsyncIterator[ClientSession]:
    """Be a desktop agent: a program is started, and spoken with on its standard input and output."""
    parameters = StdioServerParameters(
        command=sys.executable, args=["-m", "openenv.cli", "mcp", url], env=dict(os.environ)
    )
    async with stdio_client(parameters) as (read, write), ClientSession(read, write) as client:
        yield client


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("use", [_over_http, _over_stdio, _by_fastmcp], ids=["sdk-http", "sdk-stdio", "fastmcp"])
def test_mcp_clients(use: Callable[[Place], Awaitable[tuple[set[str], Any]]], place: Place) -> None:
    async def main() -> tuple[set[str], Any]:
        return await use(place)

    names, result = asyncio.run(main())
    assert names >= {"reset", "state", *place.names}
    assert result == place.result


def test_the_client_of_openenv_0_10(interpreters: dict[str, Interpreter], place: Place) -> None:
    told = interpreters["peer"].output("agents", place.url, place.tool, json.dumps(place.arguments))
    assert told == [{"names": place.names, "result": place.result}]
