"""What an environment's own MCP server offers, by `/mcp`: prompts, resources, progress and messages of its tools."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from mcp import McpError
from mcp.server.fastmcp import Context as SdkContext
from mcp.server.fastmcp import FastMCP as SdkFastMCP
from mcp.types import Completion, LoggingMessageNotificationParams, PromptReference

from openenv.core import Observation, State
from openenv.core.env_server.mcp_environment import MCPEnvironment
from openenv.core.env_server.types import Action
from openenv.core.media import Image
from openenv.core.tools import ToolContext
from openenv.testing import RunningServer, serve
from tests.core.env_server.mcp.conversing import conversing
from tests.core.fastmcp_import import import_fastmcp
from tests.core.worlds import Counter

fastmcp = import_fastmcp()


def _today() -> str:
    return "sunny"


def _weather(day: str) -> str:
    return f"rain on {day}"


def _review(code: str, style: str = "short") -> str:
    """Ask for a review."""
    return f"Review ({style}): {code}"


def _offer(server: Any) -> None:
    """Give a server what both kinds have."""
    server.resource("notes://today", mime_type="text/plain")(_today)
    server.resource("notes://{day}/weather")(_weather)
    server.prompt("review")(_review)


def completes() -> bool:
    """Say that this server completes arguments."""
    return True


def build_here(context: ToolContext) -> list[Any]:
    """Build in the environment itself."""
    context.report_progress(1, 2, "half")
    context.log("half built")
    context.report_progress(2, 2)
    return ["built", Image(data=b"png")]


class Offering(MCPEnvironment):
    """Has a server of `fastmcp`."""

    def __init__(self) -> None:
        server = fastmcp.FastMCP("offering")
        _offer(server)

        async def build(ctx: fastmcp.Context) -> str:  # type: ignore[name-defined]
            await ctx.report_progress(1, 2, "half")
            await ctx.info("half built")
            await ctx.report_progress(2, 2)
            return "built"

        server.tool(build)
        super().__init__(server)

        self.tool(build_here)

    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Observation:
        return Observation()

    def _step_impl(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        return Observation()

    @property
    def state(self) -> State:
        return State()


class SdkOffering(Offering):
    """Has a server of the official SDK, and steps on the event loop."""

    def __init__(self) -> None:
        server = SdkFastMCP("offering")

        async def build(ctx: SdkContext[Any, Any, Any]) -> str:
            await ctx.report_progress(1, 2, "half")
            await ctx.info("half built")
            await ctx.report_progress(2, 2)
            return "built"

        server.tool()(build)
        server.tool()(completes)

        @server.completion()  # type: ignore[no-untyped-call, untyped-decorator]
        async def complete(reference: Any, argument: Any, context: Any) -> Completion:
            return Completion(values=[word for word in ("long", "short") if word.startswith(argument.value)])

        _offer(server)
        MCPEnvironment.__init__(self, server)
        self.tool(build_here)

    async def step_async(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        return await super().step_async(action, timeout_s=timeout_s, **kwargs)


@pytest.fixture(scope="module", params=[Offering, SdkOffering])
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    with serve(request.param) as server:
        yield server


def test_its_prompts_are_listed_and_filled_in(server: RunningServer) -> None:
    async def main() -> None:
        async with conversing(server.base_url) as talk:
            assert talk.told.capabilities.prompts is not None
            (prompt,) = (await talk.client.list_prompts()).prompts
            arguments = [(argument.name, argument.required) for argument in prompt.arguments or []]
            assert (prompt.name, arguments) == ("review", [("code", True), ("style", False)])
            (message,) = (await talk.client.get_prompt("review", {"code": "1/0"})).messages
            assert (message.role, getattr(message.content, "text", "")) == ("user", "Review (short): 1/0")
            with pytest.raises(McpError, match="nothing"):
                await talk.client.get_prompt("nothing")

    asyncio.run(main())


def test_its_arguments_are_completed_as_far_as_it_does_that(server: RunningServer) -> None:
    async def main() -> None:
        async with conversing(server.base_url) as talk:
            reference = PromptReference(type="ref/prompt", name="review")
            told = (await talk.client.complete(reference, {"name": "style", "value": "lo"})).completion
            listed = await talk.tools()
        # FastMCP's servers complete nothing.
        assert told.values == (["long"] if "completes" in listed else [])

    asyncio.run(main())


def test_its_resources_stand_beside_those_of_openenv(server: RunningServer) -> None:
    async def main() -> None:
        async with conversing(server.base_url) as talk:
            listed = [str(resource.uri) for resource in (await talk.client.list_resources()).resources]
            assert listed == ["openenv://schema", "openenv://state", "openenv://session", "notes://today"]
            templates = (await talk.client.list_resource_templates()).resourceTemplates
            assert [template.uriTemplate for template in templates] == ["notes://{day}/weather"]
            assert await talk.read("notes://today") == "sunny"
            assert await talk.read("notes://monday/weather") == "rain on monday"
            assert json.loads(await talk.read("openenv://session"))["session_id"] == talk.id
            with pytest.raises(McpError):
                await talk.read("notes://nothing")

    asyncio.run(main())


@pytest.mark.parametrize("name", ["build", "build_here"])
def test_its_tools_tell_how_far_they_are(server: RunningServer, name: str) -> None:
    told: list[object] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))

    async def hear_message(params: LoggingMessageNotificationParams) -> None:
        told.append(params.data)

    async def main() -> None:
        async with conversing(server.base_url, logging_callback=hear_message) as talk:
            result = await talk.client.call_tool(name, {}, progress_callback=hear)
            assert getattr(result.content[0], "text", "") == "built"
        assert told == [(1, 2, "half"), "half built", (2, 2, None)]

    asyncio.run(main())


def test_results_of_functions_may_be_pictures_too() -> None:
    async def main(url: str) -> None:
        async with conversing(url) as talk:
            blocks = (await talk.call("build_here")).content
        assert [block.type for block in blocks] == ["text", "image"]

    with serve(Offering) as server:
        asyncio.run(main(server.base_url))


def test_an_environment_without_a_server_has_no_prompts() -> None:
    async def main(url: str) -> None:
        async with conversing(url) as talk:
            assert talk.told.capabilities.prompts is None
            assert (await talk.client.list_resource_templates()).resourceTemplates == []
            with pytest.raises(McpError, match="Method not found"):
                await talk.client.list_prompts()

    with serve(Counter) as server:
        asyncio.run(main(server.base_url))
