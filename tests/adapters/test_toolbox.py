from __future__ import annotations

import asyncio

import pytest

from openenv.adapters import AnthropicTools, OpenAITools
from openenv.core.env_server.mcp_types import CallToolAction, Tool
from openenv.core.exceptions import ConfigurationError

from .conftest import Desk, DeskClient


def _tool(name: str) -> Tool:
    return Tool(name=name, description="", input_schema={"type": "object"})


def test_names_that_the_api_does_not_take_are_mended_and_found_again() -> None:
    toolbox = OpenAITools([_tool("files.read"), _tool("files/read"), _tool("x" * 70), _tool("x" * 71)])
    names = [schema["function"]["name"] for schema in toolbox.schemas()]
    assert names == ["files_read", "files_read_2", "x" * 64, "x" * 62 + "_2"]
    calls = [{"id": name, "function": {"name": name, "arguments": "{}"}} for name in names]
    actions = [call.action for call in toolbox.calls({"tool_calls": calls})]
    assert [action.tool_name for action in actions if isinstance(action, CallToolAction)] == list(
        tool.name for tool in toolbox.tools.values()
    )


def test_longer_names_are_left_to_those_who_take_them() -> None:
    assert AnthropicTools([_tool("x" * 70)]).schemas()[0]["name"] == "x" * 70


def test_nothing_to_offer_and_two_of_a_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="expected tools"):
        OpenAITools([])
    with pytest.raises(ConfigurationError, match="twice"):
        OpenAITools([_tool("a"), _tool("a")])


def test_calls_are_played_by_an_asynchronous_client_too() -> None:
    async def play() -> str:
        async with DeskClient.from_environment(Desk) as env:
            toolbox = OpenAITools(await env.list_tools())
            call = {"id": "1", "function": {"name": "add", "arguments": '{"a": 1}'}}
            played = [(call, await call.step_async(env)) for call in toolbox.calls({"tool_calls": [call]})]
            content: str = toolbox.answers(played)[0]["content"]
            return content

    assert asyncio.run(play()) == "2"


def test_a_malformed_call_is_not_played() -> None:
    [call] = OpenAITools([_tool("a")]).calls(
        {"tool_calls": [{"id": "1", "function": {"name": "a", "arguments": "[1]"}}]}
    )
    assert call.action is None
    assert asyncio.run(call.step_async(DeskClient.from_environment(Desk))) is None
