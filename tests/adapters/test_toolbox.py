from __future__ import annotations

import asyncio
from typing import Any

import pytest

from openenv.adapters import AnthropicTools, OpenAITools
from openenv.core.env_server.mcp_types import CallToolAction, CallToolObservation, Tool, ToolError, ToolErrorType
from openenv.core.env_server.types import Observation
from openenv.core.exceptions import ClientClosedError, ConfigurationError, EnvironmentExecutionError
from openenv.core.media import Audio, Image
from openenv.core.sync_client import SyncEnvClient
from openenv.core.tools import McpResult

from .conftest import Desk, DeskClient, Guess


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


def _asked(*calls: tuple[str, str]) -> dict[str, Any]:
    rows = [
        {"id": str(number), "function": {"name": name, "arguments": arguments}}
        for number, (name, arguments) in enumerate(calls)
    ]
    return {"tool_calls": rows}


_CALLS = [("add", '{"a": 1}'), ("fail", "{}"), ("add", '{"a": "much"}'), ("nothing", "{}"), ("add", '{"a": 2}')]


def _checked(answers: list[dict[str, Any]]) -> None:
    told = [answer["content"] for answer in answers]
    assert [answer["tool_call_id"] for answer in answers] == ["0", "1", "2", "3", "4"]
    assert (told[0], told[4]) == ("2", "5")
    assert "the printer is on fire" in told[1]
    assert "'a'" in told[2]
    assert "there is no tool 'nothing'" in told[3]


def test_all_calls_of_a_message_are_played_and_answered(env: SyncEnvClient[Any, Any, Any]) -> None:
    toolbox = OpenAITools(env.list_tools())
    _checked(toolbox.answers(toolbox.play(env, _asked(*_CALLS))))


def test_they_are_by_an_asynchronous_client_too() -> None:
    async def play() -> list[dict[str, Any]]:
        async with DeskClient.from_environment(Desk) as env:
            toolbox = OpenAITools(await env.list_tools())
            return toolbox.answers(await toolbox.play_async(env, _asked(*_CALLS)))

    _checked(asyncio.run(play()))


def test_what_comes_after_the_end_of_the_episode_is_not_done(env: SyncEnvClient[Any, Any, Any]) -> None:
    toolbox = OpenAITools(env.list_tools(), action=Guess, action_name="guess")
    played = toolbox.play(env, _asked(("add", '{"a": 1}'), ("guess", '{"number": 7}'), ("add", '{"a": 1}')))
    told = [answer["content"] for answer in toolbox.answers(played)]
    assert told[:2] == ["2", '{"text":"you said 7"}']
    assert told[2] == "the episode ended with an earlier call, so this one was not made"
    assert env.call_tool("add", a=0, b=0) == 2


def test_a_session_that_fails_is_not_the_models_to_mend() -> None:
    env = DeskClient.from_environment(Desk).sync()
    toolbox = OpenAITools(env.list_tools())
    env.close()
    with pytest.raises(ClientClosedError):
        toolbox.play(env, _asked(("add", '{"a": 1}')))


_BLOCK = {"type": "image", "data": "aGk=", "mimeType": "image/png"}


def _error(message: str, exception_type: str) -> ToolError:
    return ToolError(error_type=ToolErrorType.EXECUTION_ERROR, message=message, exception_type=exception_type)


class _Shown(Observation):
    text: str = "look"
    picture: Image | None = None


@pytest.mark.parametrize(
    ("outcome", "content"),
    [
        (Image(data=b"hi", mime_type="image/gif"), "[image/gif]"),
        (["look", Image(data=b"hi"), {"at": 1}], 'look\n[image/png]\n{"at":1}'),
        ([{"type": "text", "text": "look"}, _BLOCK], "look\n[image/png]"),
        (Audio(data=b"hi"), "[audio/wav, 2 bytes]"),
        (Image(data=b"hi", mime_type="image/bmp"), "[image/bmp, 2 bytes]"),
        (EnvironmentExecutionError("'left'", remote_type="KeyError", remote_traceback="in step"), "KeyError: 'left'"),
        (CallToolObservation(tool_name="look", error=_error("'left'", "KeyError")), "KeyError: 'left'"),
        (CallToolObservation(tool_name="look", error=_error("KeyError: left", "KeyError")), "KeyError: left"),
        (b"hi", "[2 bytes]"),
        (CallToolObservation(tool_name="add", result=Image(data=b"hi")), "[image/png]"),
        (McpResult(content=[Image(data=b"hi")]), "[image/png]"),
        (McpResult.of({"at": 1}), '{"at":1}'),
        (_Shown(picture=Image(data=b"hi"), reward=1.0), '{"text":"look"}\n[image/png]'),
        (["a", "b"], '["a","b"]'),
        ([], "[]"),
        (None, "null"),
    ],
)
def test_what_a_tool_gives_is_told_in_texts_and_pictures(outcome: object, content: str) -> None:
    toolbox = OpenAITools([_tool("look")])
    [call] = toolbox.calls(_asked(("look", "{}")))
    assert toolbox.answers([(call, outcome)])[0]["content"] == content


def test_calls_without_ids_are_answered_by_the_tools_name(env: SyncEnvClient[Any, Any, Any]) -> None:
    """As in the chat templates of tokenizers, whose arguments are objects too."""
    toolbox = OpenAITools(env.list_tools())
    called = {"type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
    answers = toolbox.answers(toolbox.play(env, {"role": "assistant", "tool_calls": [called]}))
    assert answers == [{"role": "tool", "name": "add", "content": "2"}]


@pytest.mark.parametrize("arguments", [None, "", "null", "{}", {}])
def test_no_arguments_are_an_empty_object(arguments: object) -> None:
    [call] = OpenAITools([_tool("look")]).calls(
        {"tool_calls": [{"function": {"name": "look", "arguments": arguments}}]}
    )
    assert call.action == CallToolAction(tool_name="look")


def test_schemas_are_objects_with_properties_as_the_apis_want_them() -> None:
    tool = Tool(name="look", description="", input_schema={})
    assert OpenAITools([tool]).schemas()[0]["function"]["parameters"] == {"type": "object", "properties": {}}
