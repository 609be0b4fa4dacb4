from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from openenv.adapters import OpenAIResponsesTools, OpenAITools
from openenv.core.sync_client import SyncEnvClient

from .conftest import Guess, ModelService


def _call(name: str, arguments: str, call_id: str = "call_1") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _completion(*calls: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": None, "tool_calls": list(calls)}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    return {"id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}


def test_a_chat_with_tools_runs_through_the_openai_library(
    service: ModelService, env: SyncEnvClient[Any, Any, Any]
) -> None:
    toolbox = OpenAITools(env.list_tools())
    service.says = _completion(
        _call("add", '{"a": 2, "b": 3}'), _call("fail", "", "call_2"), _call("add", "{", "call_3")
    )
    with openai.OpenAI(base_url=service.url, api_key="none", max_retries=0) as model:
        completion = model.chat.completions.create(
            model="m",
            messages=[{"role": "user", "content": "add"}],
            tools=toolbox.schemas(),  # type: ignore[arg-type]
        )
    sent = {tool["function"]["name"]: tool["function"] for tool in service.asked[0]["tools"]}
    assert sent["add"]["description"].startswith("Add two numbers")
    assert sent["add"]["parameters"]["required"] == ["a"]
    assert sent["add"]["parameters"]["properties"]["b"]["default"] == 1
    played = [(call, call.step(env)) for call in toolbox.calls(completion)]
    told = toolbox.answers(played)
    assert [(message["role"], message["tool_call_id"]) for message in told] == [
        ("tool", "call_1"),
        ("tool", "call_2"),
        ("tool", "call_3"),
    ]
    assert told[0]["content"] == "5"
    assert "the printer is on fire" in told[1]["content"]
    assert "no JSON object" in told[2]["content"]


def test_responses_and_their_calls_run_through_the_openai_library(
    service: ModelService, env: SyncEnvClient[Any, Any, Any]
) -> None:
    toolbox = OpenAIResponsesTools([], action=Guess, action_name="guess")
    item = {"type": "function_call", "id": "i", "call_id": "call_9", "name": "guess", "arguments": '{"number": 7}'}
    service.says = {
        "id": "r",
        "object": "response",
        "created_at": 0,
        "model": "m",
        "output": [{**item, "status": "completed"}],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    with openai.OpenAI(base_url=service.url, api_key="none", max_retries=0) as model:
        response = model.responses.create(model="m", input="guess", tools=toolbox.schemas())  # type: ignore[arg-type]
    [schema] = service.asked[0]["tools"]
    assert (schema["name"], schema["description"], schema["strict"]) == ("guess", "Guess the number.", False)
    assert list(schema["parameters"]["properties"]) == ["number"]
    [call] = toolbox.calls(response)
    assert call.action == Guess(number=7)
    result = call.step(env)
    assert result is not None
    assert result.done
    [output] = toolbox.answers([(call, result)])
    assert (output["type"], output["call_id"]) == ("function_call_output", "call_9")
    assert json.loads(output["output"]) == {"text": "you said 7"}


def test_pictures_go_to_those_who_can_look_at_them() -> None:
    toolbox = OpenAIResponsesTools([], action=Guess)
    [call] = toolbox.calls(
        {"output": [{"type": "function_call", "call_id": "1", "name": "act", "arguments": '{"number":1}'}]}
    )
    seen = {"content": [{"type": "text", "text": "look"}, {"type": "image", "mimeType": "image/png", "data": "aGk="}]}
    assert toolbox.answers([(call, seen)])[0]["output"] == [
        {"type": "input_text", "text": "look"},
        {"type": "input_image", "image_url": "data:image/png;base64,aGk="},
    ]
    assert OpenAITools([], action=Guess).answers([(call, seen)])[0]["content"] == "look\n[image/png]"


@pytest.mark.parametrize("arguments", ['{"number": "seven"}', "{}", '{"number": 1, "more": 2}'])
def test_arguments_that_the_action_refuses_are_told_to_the_model(arguments: str) -> None:
    [call] = OpenAITools([], action=Guess).calls({"tool_calls": [_call("act", arguments)]})
    assert call.action is None
    assert "the arguments of act are wrong" in call.error
