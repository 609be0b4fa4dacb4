"""`openenv mcp`."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mcp import ClientSession, McpError, StdioServerParameters
from mcp.client.stdio import stdio_client

from openenv.testing import serve
from tests.cli.running import openenv
from tests.core.env_server.mcp.test_calling import Telling

pytestmark = pytest.mark.lengthy


@asynccontextmanager
async def agent(*arguments: str) -> AsyncIterator[ClientSession]:
    """Be a desktop agent that runs the command."""
    command = ["-m", "openenv.cli", "mcp", *arguments]
    parameters = StdioServerParameters(command=sys.executable, args=command, env=dict(os.environ))
    async with stdio_client(parameters) as (read, write), ClientSession(read, write) as client:
        yield client


def test_a_desktop_agent_plays_an_installed_environment() -> None:
    async def main() -> None:
        async with agent("echo") as client:
            told = await client.initialize()
            assert "reset" in (told.instructions or "")
            assert [tool.name for tool in (await client.list_tools()).tools][:3] == ["reset", "step", "state"]
            await client.call_tool("reset", {})
            answer = await client.call_tool("echo_with_length", {"message": "hello"})
            assert answer.structuredContent == {"message": "hello", "length": 5}

    asyncio.run(main())


def test_a_desktop_agent_plays_what_is_served(echo_url: str) -> None:
    async def main() -> None:
        async with agent(echo_url) as client:
            await client.initialize()
            stepped = await client.call_tool("step", {"message": "hello"})
            assert (stepped.structuredContent or {})["reward"] == 0.5

    asyncio.run(main())


def test_a_desktop_agent_hears_how_far_a_tool_is() -> None:
    told: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append(progress)

    async def main(url: str) -> None:
        async with agent(url) as client:
            await client.initialize()
            result = await client.call_tool("build", {}, progress_callback=hear)
            assert not result.isError

    with serve(Telling) as server:
        asyncio.run(main(server.base_url))
    assert told == [1, 2, 3]


def test_requests_are_answered_where_the_server_is_gone() -> None:
    async def main() -> None:
        # Nothing listens on port 1 of loopback.
        async with agent("http://127.0.0.1:1") as client:
            for _ in range(2):
                with pytest.raises(McpError, match="cannot be asked: ConnectError"):
                    await client.initialize()

    asyncio.run(main())


def test_settings_for_a_desktop_agent_are_printed() -> None:
    told = json.loads(openenv("mcp", "echo", "--config").stdout)
    command = told["mcpServers"]["echo_env"]
    assert Path(command["command"]).is_absolute()
    assert command["args"][-2:] == ["mcp", "echo"]


def test_what_is_not_installed_is_refused() -> None:
    done = openenv("mcp", "nothing-of-the-kind", status=1)
    assert (done.stdout, "nothing-of-the-kind" in done.stderr) == ("", True)


def test_the_command_ends_where_its_input_does(echo_url: str) -> None:
    # Nobody says anything: standard input is at its end from the beginning.
    done = subprocess.run(
        [sys.executable, "-m", "openenv.cli", "mcp", echo_url],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=110,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, b""), done.stderr
