from __future__ import annotations

from typing import Any

import anthropic

from openenv.adapters import AnthropicTools
from openenv.core.env_server.types import Action
from openenv.core.sync_client import SyncEnvClient

from .conftest import ModelService


class _Look(Action):
    """Look around."""


def test_a_message_with_tools_runs_through_the_anthropic_library(
    service: ModelService, env: SyncEnvClient[Any, Any, Any]
) -> None:
    toolbox = AnthropicTools(env.list_tools())
    service.says = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [
            {"type": "text", "text": "let me see"},
            {"type": "tool_use", "id": "t1", "name": "add", "input": {"a": 4}},
            {"type": "tool_use", "id": "t2", "name": "fail", "input": {}},
            {"type": "tool_use", "id": "t3", "name": "subtract", "input": {}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    with anthropic.Anthropic(base_url=service.url, api_key="none", max_retries=0) as model:
        message = model.messages.create(
            model="m",
            max_tokens=10,
            messages=[{"role": "user", "content": "add"}],
            tools=toolbox.schemas(),  # type: ignore[arg-type]
        )
    assert {tool["name"] for tool in service.asked[0]["tools"]} == {"add", "fail"}
    [answer] = toolbox.answers([(call, call.step(env)) for call in toolbox.calls(message)])
    assert answer["role"] == "user"
    added, failed, unknown = answer["content"]
    assert (added["tool_use_id"], added["content"]) == ("t1", [{"type": "text", "text": "5"}])
    assert "is_error" not in added
    assert failed["is_error"]
    assert "the printer is on fire" in failed["content"][0]["text"]
    assert unknown["is_error"]
    assert "expected one of" in unknown["content"][0]["text"]


def test_pictures_travel_as_pictures_and_errors_as_errors() -> None:
    toolbox = AnthropicTools([], action=_Look)
    [call] = toolbox.calls({"content": [{"type": "tool_use", "id": "t", "name": "act", "input": {}}]})
    picture = {"content": [{"type": "image", "mimeType": "image/jpeg", "data": "aGk="}]}
    [block] = toolbox.answers([(call, picture)])[0]["content"]
    source = {"type": "base64", "media_type": "image/jpeg", "data": "aGk="}
    assert block["content"] == [{"type": "image", "source": source}]
    [block] = toolbox.answers([(call, TimeoutError("too late"))])[0]["content"]
    assert (block["is_error"], block["content"]) == (True, [{"type": "text", "text": "too late"}])


def test_a_message_without_calls_needs_no_answer() -> None:
    toolbox = AnthropicTools([], action=_Look)
    assert toolbox.answers([]) == []
    assert toolbox.calls({"content": [{"type": "text", "text": "done"}]}) == []


def test_blank_texts_are_left_out_as_the_api_refuses_them() -> None:
    toolbox = AnthropicTools([], action=_Look)
    [call] = toolbox.calls({"content": [{"type": "tool_use", "id": "t", "name": "act", "input": {}}]})
    for blank in ("", " \n"):
        [block] = toolbox.answers([(call, blank)])[0]["content"]
        assert block["content"] == []
