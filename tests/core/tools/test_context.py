from __future__ import annotations

import logging
import threading
from typing import Any, Optional

import pytest

from openenv.core.env_server.mcp_types import CallToolAction, CallToolObservation
from openenv.core.exceptions import ConfigurationError
from openenv.core.tools import ToolCall, ToolContext, prepare_call, tool, tools_of
from openenv.core.tools.context import LogMessage, Notice, Progress, listening, notice_fields, notice_of


class Builder:
    @tool
    def build(self, target: str, context: ToolContext, times: int = 1) -> str:
        """Build something.

        Args:
            target: What to build.
            context: Not for callers.
        """
        for done in range(times):
            context.report_progress(done + 1, times, target)
        context.log("built", "notice")
        return target

    @tool
    def maybe(self, context: Optional[ToolContext] = None) -> bool:  # noqa: UP045 - both ways are in use
        return context is not None


def prepared(name: str, **arguments: Any) -> ToolCall:
    call = prepare_call(Builder(), CallToolAction(tool_name=name, arguments=arguments), None)
    assert isinstance(call, ToolCall)
    return call


def test_no_schema_tells_of_the_context() -> None:
    tools = tools_of(Builder)
    assert list(tools["build"].definition.input_schema["properties"]) == ["target", "times"]
    assert tools["maybe"].definition.input_schema["properties"] == {}


def test_no_caller_gives_the_context() -> None:
    refused = prepare_call(Builder(), CallToolAction(tool_name="build", arguments={"target": "a", "context": 1}), None)
    assert isinstance(refused, CallToolObservation)
    assert refused.error is not None
    assert "'context' is unknown" in refused.error.message
    assert "(it takes: target, times)" in refused.error.message


def test_whoever_listens_hears_the_tool() -> None:
    heard: list[Notice] = []
    with listening(heard.append):
        call = prepared("build", target="house", times=2)
    # Wherever the tool runs.
    thread = threading.Thread(target=call.run)
    thread.start()
    thread.join()
    assert heard == [Progress(1, 2, "house"), Progress(2, 2, "house"), LogMessage("notice", "built")]


def test_without_a_listener_a_tool_may_tell_all_the_same() -> None:
    assert prepared("build", target="house").run() == "house"
    assert prepared("maybe").run() is True
    assert Builder().maybe() is False


def test_what_a_tool_says_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "openenv.tools"):
        ToolContext().log("careful", "warning")
        ToolContext().log("over", "emergency")
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", "careful"),
        ("CRITICAL", "over"),
    ]


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"expected one of the levels debug, info, .*, got 'loud'"):
        ToolContext().log("x", "loud")  # type: ignore[arg-type]


def test_one_context_is_enough() -> None:
    class Twice:
        @tool
        def build(self, one: ToolContext, other: ToolContext) -> None: ...

    with pytest.raises(ConfigurationError, match="several of ToolContext: one, other; keep one"):
        tools_of(Twice)


@pytest.mark.parametrize("notice", [Progress(1.5, None, "a"), LogMessage("debug", "b", "c")])
def test_notices_survive_the_way_between_processes(notice: Notice) -> None:
    assert notice_of(notice_fields(notice)) == notice


def test_callers_do_not_hear_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_TOKEN", "tok-5e1f3a77")
    heard: list[Notice] = []
    context = ToolContext(heard.append)
    context.report_progress(1, message="using tok-5e1f3a77")
    context.log("used tok-5e1f3a77")
    assert heard == [Progress(1, None, "using ***"), LogMessage("info", "used ***")]
