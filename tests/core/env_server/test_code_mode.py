"""Code in a session: in its place of execution, whichever that is, with a deadline that holds there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import pytest

from openenv.core import EnvClient, ServerSettings, State
from openenv.core.env_server.types import CodeObservation
from openenv.core.exceptions import EnvironmentExecutionError, SessionClosedError, StepTimeoutError, ToolCallError
from openenv.core.sync_client import SyncEnvClient
from openenv.core.tools import tool
from openenv.testing import RunningServer, serve
from tests.core.env_server.code_bench import RELEASED, Bench, Code

# What holds the interpreter all the while: not even its other threads go on.
_HOLDS_THE_INTERPRETER = "import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')"

_MODULE = "tests.core.env_server.code_bench"

_Client = SyncEnvClient[Code, CodeObservation, State]


class BenchClient(EnvClient[Code, CodeObservation, State]):
    pass


@pytest.fixture(scope="module", params=["thread", "process"])
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    with serve(Bench, settings=ServerSettings(isolation=request.param), max_concurrent_envs=2) as server:
        yield server


@pytest.fixture
def client(server: RunningServer) -> Iterator[_Client]:
    with BenchClient(server.base_url).sync() as client:
        yield client


def test_names_stay_for_a_session_whichever_way_code_comes(client: _Client, server: RunningServer) -> None:
    first = client.step(Code(code="print('hello')\nx = add(2)\nx + 1"))
    assert (first.observation.stdout, first.observation.result, first.reward) == ("hello\n", 3, 0.0)
    told = client.call_tool("run_python", code="add(x)")
    assert told == {"stdout": "", "stderr": "", "result": 4, "error": None}
    assert client.call_tool("add", amount=1) == 5
    with BenchClient(server.base_url).sync() as other:
        failed = other.step(Code(code="x")).observation.error
        assert failed is not None
        assert failed.type == "NameError"


def test_code_and_its_tools_run_where_the_session_does(client: _Client) -> None:
    here = client.call_tool("process")
    assert client.step(Code(code="import os\n[os.getpid(), process()]")).observation.result == [here, here]
    assert client.step(Code(code="await loop()")).observation.result == client.call_tool("loop")


def test_code_that_loops_is_interrupted_and_the_session_goes_on(client: _Client) -> None:
    client.step(Code(code="x = 1"))
    # On a busy machine a thread may not have begun by then.
    for limit_s in (0.1, 5, 60):
        late = client.step(Code(code="print('on')\nwhile True: pass", limit_s=limit_s)).observation
        if late.stdout:
            break
    assert late.error is not None
    assert (late.error.type, late.stdout) == ("TimeoutError", "on\n")
    assert client.step(Code(code="x")).observation.result == 1


def test_code_that_waits_on_does_not_hold_up_the_session(client: _Client) -> None:
    RELEASED.clear()
    code = f"from {_MODULE} import RELEASED\nRELEASED.wait()"
    late = client.step(Code(code=code, limit_s=0.1)).observation
    assert late.error is not None
    assert "and goes on" in late.error.message
    assert client.call_tool("add", amount=1) == 1
    with pytest.raises(EnvironmentExecutionError, match="still runs") as refused:
        client.step(Code(code="1"))
    assert refused.value.remote_type == "SessionBusyError"
    # For the thread, where it is one of this process.
    RELEASED.set()


class OnLoop(Bench):
    """Runs code on the event loop, where it must not, and beside it."""

    @tool
    async def run_here(self) -> Any:
        return self.execute_code("add(1)")

    @tool
    async def run_beside(self) -> Any:
        return await asyncio.to_thread(self.execute_code, "add(1) + bool(await loop())")


def test_code_does_not_hold_up_the_event_loop() -> None:
    async def main() -> None:
        async with BenchClient.from_environment(OnLoop) as client:
            with pytest.raises(ToolCallError, match="execute_code waits") as refused:
                await client.call_tool("run_here")
            assert refused.value.remote_type == "ConfigurationError"
            assert (await client.call_tool("run_beside"))["result"] == 2

    asyncio.run(main())


def test_what_holds_the_interpreter_is_ended_with_its_process() -> None:
    settings = ServerSettings(isolation="process", step_timeout_s=3.0)
    with (
        serve(Bench, settings=settings, max_concurrent_envs=2) as server,
        BenchClient(server.base_url).sync() as client,
    ):
        process = client.call_tool("process")
        with pytest.raises(StepTimeoutError):
            client.step(Code(code=_HOLDS_THE_INTERPRETER, limit_s=0.1))
        with pytest.raises(SessionClosedError, match="ended by SIGKILL"):
            client.step(Code(code="1"))
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
        client.reset()
        assert client.step(Code(code="1")).observation.result == 1
