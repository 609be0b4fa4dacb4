from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import logging
from typing import Any

import numpy as np
import pydantic
import pytest

from openenv.core.env_server.mcp_types import CallToolAction, CallToolObservation, ToolErrorType
from openenv.core.env_server.types import Observation
from openenv.core.tools import (
    ToolCall,
    list_tools_observation,
    observe_failure,
    observe_result,
    prepare_call,
    tool,
)
from openenv.core.tools.calling import within
from openenv.core.wire.codec import decode, encode_observation


class Position(Observation):
    square: str


class Chess:
    @tool
    def move(self, to: str, times: int = 1) -> str:
        """Move a piece."""
        return to * times

    @tool
    async def think(self, depth: int) -> int:
        return depth + 1

    @tool(mode="production")
    def resign(self) -> None: ...


def _call(name: str, /, **arguments: Any) -> CallToolAction:
    return CallToolAction(tool_name=name, arguments=arguments)


def _prepared(name: str, /, **arguments: Any) -> ToolCall:
    call = prepare_call(Chess(), _call(name, **arguments), "simulation")
    assert isinstance(call, ToolCall)
    return call


def _refused(name: str, /, **arguments: Any) -> CallToolObservation:
    observation = prepare_call(Chess(), _call(name, **arguments), "simulation")
    assert isinstance(observation, CallToolObservation)
    assert observation.result is None
    assert observation.tool_name == name
    return observation


def test_a_call_is_prepared_with_valid_arguments_and_then_run() -> None:
    call = _prepared("move", to="e4", times="2")
    assert call.arguments == {"to": "e4", "times": 2}
    assert not call.is_async
    observation = call.succeeded(call.run())
    assert (observation.tool_name, observation.result, observation.error) == ("move", "e4e4", None)
    assert (observation.reward, observation.done) == (None, False)


def test_a_coroutine_tool_gives_a_coroutine() -> None:
    call = _prepared("think", depth=2)
    assert call.is_async
    assert asyncio.run(call.run()) == 3


def test_what_makes_the_call_tells_whether_it_is_to_be_awaited() -> None:
    assert inspect.iscoroutinefunction(_prepared("think", depth=2).function)
    assert not inspect.iscoroutinefunction(_prepared("move", to="e4").function)
    assert _prepared("move", to="e4").function() == "e4"


def test_arguments_may_have_any_name() -> None:
    class Odd:
        @tool
        def odd(self, function: int, arguments: int, tool: int, mode: int) -> list[int]:
            return [function, arguments, tool, mode]

    action = _call("odd", function=1, arguments=2, tool=3, mode=4)
    call = prepare_call(Odd(), action, None)
    assert isinstance(call, ToolCall)
    assert call.run() == call.tool(**call.arguments) == [1, 2, 3, 4]


def test_an_unknown_tool_names_the_close_ones_and_all_known() -> None:
    error = _refused("mvoe").error
    assert error is not None
    assert error.error_type is ToolErrorType.TOOL_NOT_FOUND
    assert "did you mean 'move'?" in error.message
    assert "the tools are: move, think" in error.message
    assert "resign" not in error.message


def test_an_environment_without_tools_says_so() -> None:
    observation = prepare_call(object(), _call("move"), None)
    assert isinstance(observation, CallToolObservation)
    assert observation.error is not None
    assert observation.error.message == "no tool 'move'; there are no tools"


def test_a_tool_of_another_mode_is_not_found_and_says_why() -> None:
    error = _refused("resign").error
    assert error is not None
    assert error.error_type is ToolErrorType.TOOL_NOT_FOUND
    assert "it is offered in production mode only" in error.message
    assert isinstance(prepare_call(Chess(), _call("resign"), "production"), ToolCall)


def test_invalid_arguments_are_named() -> None:
    error = _refused("move", too="e4").error
    assert error is not None
    assert error.error_type is ToolErrorType.INVALID_ARGS
    assert "'too' is unknown, did you mean 'to'?" in error.message
    assert error.exception_type is None


@pytest.mark.parametrize("mode", ["simulation", "production"])
def test_tools_are_listed_for_a_mode(mode: Any) -> None:
    names = [tool.name for tool in list_tools_observation(Chess(), mode).tools]
    assert names == ["move", "think"] + (["resign"] if mode == "production" else [])


def test_what_a_tool_raised_is_told_in_fields_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    call = _prepared("move", to="e9")
    with caplog.at_level(logging.ERROR, "openenv.tools"):
        try:
            raise LookupError("no such timeout square")
        except LookupError as exc:
            observation = call.failed(exc)
    assert observation.error is not None
    assert observation.error.error_type is ToolErrorType.EXECUTION_ERROR
    assert observation.error.exception_type == "LookupError"
    assert observation.error.message == "no such timeout square"
    assert observation.result is None
    [record] = caplog.records
    assert record.exc_info is not None
    assert "test_what_a_tool_raised" in caplog.text


def test_an_exception_without_words_still_has_a_message() -> None:
    error = observe_failure("move", RuntimeError()).error
    assert error is not None
    assert error.message == "RuntimeError"


class SlowError(TimeoutError): ...


@pytest.mark.parametrize(
    "timeout", [TimeoutError("late"), asyncio.TimeoutError(), concurrent.futures.TimeoutError(), SlowError()], ids=repr
)
def test_timeouts_are_told_by_their_class(timeout: Exception) -> None:
    error = observe_failure("move", timeout).error
    assert error is not None
    assert error.error_type is ToolErrorType.TIMEOUT


def test_models_arrays_and_bytes_are_results() -> None:
    class Square(pydantic.BaseModel):
        name: str

    assert observe_result("move", [Square(name="e4")]).result == [{"name": "e4"}]
    assert observe_result("move", np.zeros(2)).result == [0.0, 0.0]
    assert observe_result("move", b"\x00\xff").result == b"\x00\xff"


def test_a_result_without_a_json_form_is_an_error_of_the_tool(caplog: pytest.LogCaptureFixture) -> None:
    observation = observe_result("move", {"board": object()})
    assert observation.error is not None
    assert observation.error.error_type is ToolErrorType.EXECUTION_ERROR
    assert "object" in observation.error.message
    assert "cannot be sent" in observation.error.message
    assert caplog.records


def test_text_that_cannot_be_sent_is_an_error_of_the_tool_and_says_what_to_do() -> None:
    for text in ("half a \ud83d smile", ["half a \ud83d smile"]):
        error = observe_result("move", text).error
        assert error is not None
        assert "errors='replace'" in error.message


def test_an_exception_that_cannot_say_what_it_is_is_told_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    # Processes of pytest-xdist cannot send each other such text, and what is logged belongs to a test's report.
    caplog.set_level(logging.CRITICAL, logger="openenv.tools")

    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    for exc, told in ((MuteError(), "MuteError"), (ValueError("half a \ud83d"), r"half a \ud83d")):
        error = observe_failure("move", exc).error
        assert error is not None
        assert error.message == told


def test_an_observation_sets_reward_and_done_and_its_fields_are_the_result() -> None:
    given = Position(square="e4", reward=1.5, done=True, metadata={"move": 3})
    observation = observe_result("move", given)
    assert observation.result == {"square": "e4"}
    assert (observation.reward, observation.done, observation.metadata) == (1.5, True, {"move": 3})


def test_a_tool_call_observation_is_taken_as_it_is() -> None:
    given = CallToolObservation(tool_name="move", result=1, done=True)
    assert observe_result("move", given) is given


def test_an_observed_failure_crosses_the_wire_with_its_type() -> None:
    frame = decode(encode_observation(observe_failure("move", KeyError("e9"))))
    assert set(frame["observation"]["error"]) == {"error_type", "message"}
    read = CallToolObservation.model_validate(frame["observation"])
    assert read.error is not None
    assert read.error.exception_type == "KeyError"


def test_within_gives_the_result_in_time() -> None:
    async def quick() -> int:
        return 3

    assert asyncio.run(within(quick(), "quick", 10)) == 3
    assert asyncio.run(within(quick(), "quick", None)) == 3


def test_within_says_which_tool_took_too_long() -> None:
    async def forever() -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError, match=r"tool 'forever' took longer than 0.01 s"):
        asyncio.run(within(forever(), "forever", 0.01))


def test_within_leaves_the_tools_own_timeout_alone() -> None:
    async def failing() -> None:
        raise TimeoutError("the database")

    with pytest.raises(TimeoutError, match="the database"):
        asyncio.run(within(failing(), "failing", 10))
