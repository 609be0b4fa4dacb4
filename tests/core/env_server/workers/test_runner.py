from __future__ import annotations

import asyncio
import functools
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from openenv.core import EnvClient, exceptions
from openenv.core.env_server.environment_spec import EnvironmentSpec
from openenv.core.env_server.http_server import create_app
from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.sessions import SessionManager
from openenv.core.env_server.settings import ServerSettings
from openenv.core.env_server.types import State
from openenv.core.sync_client import SyncEnvClient
from openenv.testing import RunningServer, serve

from ...worlds import PATIENCE_S, eventually, sessions_of
from .risky_environment import AsyncRisky, Do, Endless, Risky, Seen, Stillborn, Unwilling, make, polite

_Client = SyncEnvClient[Do, Seen, State]
_LOGGER = "openenv.core.env_server"


class RiskyClient(EnvClient[Do, Seen, State]):
    pass


def in_process(**settings: Any) -> ServerSettings:
    return ServerSettings(isolation="process", **{"warm_workers": 0, **settings})


def client_of(server: RunningServer) -> _Client:
    return RiskyClient(server.base_url).sync()


@pytest.fixture(scope="module")
def isolated() -> Iterator[RunningServer]:
    settings = in_process(warm_workers=1, memory_limit_mb=400)
    with serve(Risky, settings=settings, max_concurrent_envs=4) as server:
        yield server


@pytest.fixture(scope="module")
def threaded() -> Iterator[RunningServer]:
    with serve(Risky, settings=ServerSettings(), max_concurrent_envs=4) as server:
        yield server


def _step(what: str, timeout_s: float | None = None) -> Callable[[_Client], object]:
    return lambda client: client.step(Do(what=what), timeout_s=timeout_s)


_BEHAVIOURS: dict[str, Callable[[_Client], object]] = {
    "reset": lambda client: client.reset(seed=3, episode_id="e"),
    "reset with an argument it does not take": lambda client: client.reset(colour="red"),
    "reset with an argument of the wrong type": lambda client: client.reset(port="red"),
    "step": _step("nothing"),
    "step with a deadline": _step("nothing", 5.0),
    "action that is not valid": lambda client: client.step(cast("Do", {"what": 3})),
    "array": _step("array"),
    "observation that cannot be sent": _step("unsendable"),
    "raised": _step("raise"),
    "exit": _step("sys.exit"),
    "interrupt": _step("interrupt"),
    "state": lambda client: (client.reset(episode_id="s"), client.state())[1],
    "tools": lambda client: client.list_tools(),
    "tool": lambda client: client.call_tool("double", number=4),
    "tool with the wrong arguments": lambda client: client.call_tool("double", number="x"),
    "tool that there is not": lambda client: client.call_tool("triple"),
    "tool that raises": lambda client: client.call_tool("break_down"),
}


def _outcome(client: _Client, behaviour: Callable[[_Client], object]) -> object:
    try:
        # As text: arrays do not compare to one truth value.
        return repr(behaviour(client))
    except exceptions.OpenEnvError as exc:
        told = dict(vars(exc))
        # It leads through the code of one isolation or the other, where the environment's own has no part in it.
        trace = told.pop("remote_traceback", "")
        return type(exc), told, "risky_environment.py" in trace, trace.count("Traceback") > 0


@pytest.mark.parametrize("name", _BEHAVIOURS)
def test_a_session_behaves_alike_on_a_thread_and_in_a_process(
    isolated: RunningServer, threaded: RunningServer, name: str, shared_clients: dict[str, _Client]
) -> None:
    outcomes = [_outcome(client, _BEHAVIOURS[name]) for client in shared_clients.values()]
    assert outcomes[0] == outcomes[1]


@pytest.fixture(scope="module")
def shared_clients(isolated: RunningServer, threaded: RunningServer) -> Iterator[dict[str, _Client]]:
    with client_of(isolated) as in_a_process, client_of(threaded) as on_a_thread:
        for client in (in_a_process, on_a_thread):
            client.reset()
        yield {"process": in_a_process, "thread": on_a_thread}


def test_a_traceback_shows_the_environment_s_code_and_nothing_else(shared_clients: dict[str, _Client]) -> None:
    traces = []
    for client in shared_clients.values():
        with pytest.raises(exceptions.EnvironmentExecutionError) as caught:
            client.step(Do(what="raise"))
        traces.append(caught.value.remote_traceback)
    assert traces[0] == traces[1]
    assert "risky_environment.py" in traces[0]
    assert "openenv" not in traces[0]


def test_each_session_has_a_process_of_its_own(isolated: RunningServer) -> None:
    with client_of(isolated) as one, client_of(isolated) as other:
        pids = {client.step(Do(what="pid")).observation.value for client in (one, other)}
    assert len({*pids, os.getpid()}) == 3


def test_plain_code_runs_on_the_main_thread_where_no_event_loop_is_in_its_way(
    shared_clients: dict[str, _Client],
) -> None:
    assert shared_clients["process"].step(Do(what="thread")).observation.value is True


def test_metadata_and_mcp_come_from_the_process_too(isolated: RunningServer, threaded: RunningServer) -> None:
    calls: list[dict[str, Any]] = [
        {"method": "tools/list"},
        {"method": "tools/call", "params": {"name": "double", "arguments": {"number": 2}}},
    ]
    told = []
    for server in (isolated, threaded):
        rpc = [{**call, "jsonrpc": "2.0", "id": 1} for call in calls]
        answers = [httpx.post(f"{server.base_url}/mcp", json=body).json() for body in rpc]
        told.append([httpx.get(f"{server.base_url}/metadata").json(), *answers])
    assert told[0] == told[1]
    assert told[0][0]["version"] == "7"
    assert "result" in told[0][2]


def test_an_asynchronous_environment_runs_on_a_loop_of_its_process() -> None:
    with serve(AsyncRisky, settings=in_process()) as server, client_of(server) as client:
        assert client.reset(seed=5).observation.value == ["hello", 5]
        assert client.step(Do(what="pid"), timeout_s=3.0).metadata == {"timeout_s": 3.0}
        with pytest.raises(exceptions.EnvironmentExecutionError) as caught:
            client.step(Do(what="raise"))
    assert (caught.value.remote_type, caught.value.message) == ("ValueError", "it does not want to\nat all")


def test_what_an_environment_raises_is_logged_once_with_its_traceback(
    shared_clients: dict[str, _Client], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(exceptions.EnvironmentExecutionError):
        shared_clients["process"].step(Do(what="raise"))
    logged = [record.getMessage() for record in caplog.records if "ValueError" in record.getMessage()]
    assert len(logged) == 1
    assert "in _raise" in logged[0]


def test_what_an_environment_logs_is_logged_by_the_server_under_its_session(
    shared_clients: dict[str, _Client], caplog: pytest.LogCaptureFixture
) -> None:
    shared_clients["process"].step(Do(what="log"))
    (record,) = [record for record in caplog.records if record.name == "risky"]
    assert (record.getMessage(), record.levelname) == ("said by the environment", "ERROR")
    assert len(vars(record)["session_id"]) == 32


_ENDS: dict[str, dict[str, object]] = {
    "exit": {"exit_code": 3, "signal": None},
    "segfault": {"exit_code": None, "signal": "SIGSEGV"},
    "kill": {"exit_code": None, "signal": "SIGKILL"},
    "memory": {"exit_code": 1, "signal": None},
}


@pytest.mark.parametrize("what", _ENDS)
def test_a_crash_ends_its_session_and_no_other(
    isolated: RunningServer, shared_clients: dict[str, _Client], what: str
) -> None:
    bystander = shared_clients["process"]
    bystander.reset()
    before = bystander.step(Do(what="pid")).observation.value
    with client_of(isolated) as client:
        client.reset()
        with pytest.raises(exceptions.SessionCrashedError) as caught:
            client.step(Do(what=what))
        assert {name: getattr(caught.value, name) for name in ("exit_code", "signal")} == _ENDS[what]
        assert ("memory_limit_mb=400" in caught.value.message) == (what == "memory")
        with pytest.raises(exceptions.SessionClosedError, match="the environment's process"):
            client.step(Do())
        assert client.reset(seed=1).observation.value == ["hello", 1]
    assert bystander.step(Do(what="pid")).observation.value == before
    assert bystander.state().step_count == 2


def test_a_crash_shows_the_last_output_unless_the_server_withholds_it(isolated: RunningServer) -> None:
    with client_of(isolated) as client, pytest.raises(exceptions.SessionCrashedError, match="last words") as caught:
        client.step(Do(what="last words"))
    assert caught.value.logs == "last words"
    with serve(Risky, settings=in_process(hide_tracebacks=True)) as server, client_of(server) as client:
        with pytest.raises(exceptions.SessionCrashedError) as hidden:
            client.step(Do(what="last words"))
        assert (hidden.value.logs, hidden.value.exit_code) == ("", 3)
        client.reset()
        with pytest.raises(exceptions.EnvironmentExecutionError) as raised:
            client.step(Do(what="raise"))
        assert (raised.value.remote_traceback, raised.value.remote_type) == ("", "ValueError")
        assert "Traceback" not in str(raised.value.details)


def test_a_reset_that_crashes_says_so_and_the_next_one_opens_a_session(isolated: RunningServer) -> None:
    with client_of(isolated) as client:
        with pytest.raises(exceptions.SessionCrashedError, match="exit status 4"):
            client.reset(dies=True)
        assert client.reset().observation.value == ["hello", None]


def test_a_process_that_dies_between_requests_frees_its_slot_at_once() -> None:
    with serve(Risky, settings=in_process(), max_concurrent_envs=1) as server, client_of(server) as client:
        os.kill(cast("int", client.step(Do(what="pid")).observation.value), signal.SIGTERM)
        eventually(lambda: not sessions_of(server).sessions.capacity.active_sessions, "the slot's freedom")
        with pytest.raises(exceptions.SessionClosedError, match="SIGTERM"):
            client.step(Do())
        assert client.reset().observation.value == ["hello", None]


def test_an_endless_step_is_stopped_at_its_deadline() -> None:
    settings = in_process(step_timeout_s=2.0)
    with serve(Risky, settings=settings, max_concurrent_envs=1) as server, client_of(server) as client:
        client.reset()
        with pytest.raises(exceptions.StepTimeoutError):
            client.step(Do(what="loop"))
        with pytest.raises(exceptions.SessionClosedError, match="stopped in the middle of a request"):
            client.step(Do())
        # There is one slot, so this takes that of the session that was stopped.
        assert client.reset().observation.value == ["hello", None]


def test_constructors_that_fail_are_told_alike() -> None:
    told = []
    for settings in (in_process(), ServerSettings()):
        with serve(Unwilling, settings=settings) as server, pytest.raises(exceptions.EnvironmentFactoryError) as caught:
            client_of(server).connect()
        told.append((str(caught.value), caught.value.factory_name))
    assert told[0] == told[1]
    assert told[0] == ("Unwilling could not be made: LookupError: no ship today", "Unwilling")


def test_a_constructor_that_crashes_takes_no_slot() -> None:
    with serve(Stillborn, settings=in_process(), max_concurrent_envs=1) as server:
        for _ in range(2):
            with pytest.raises(
                exceptions.EnvironmentFactoryError, match=r"Stillborn could not be made: .* exit status 5"
            ):
                client_of(server).connect()
        assert sessions_of(server).sessions.capacity.active_sessions == 0


@pytest.mark.parametrize(("factory", "greeting"), [(polite, "good day"), (make, "made")])
def test_factories_that_another_process_can_import_serve(factory: Callable[[], Risky], greeting: str) -> None:
    models: dict[str, Any] = {"action_cls": Do, "observation_cls": Seen}
    with serve(factory, settings=in_process(), **models) as server, client_of(server) as client:
        assert client.reset().observation.value == [greeting, None]


def test_factories_that_no_other_process_can_import_are_refused_at_once() -> None:
    class Local(Risky):
        pass

    for factory in (Local, lambda: Risky()):
        with pytest.raises(exceptions.ConfigurationError, match="top of a module"):
            create_app(cast("type[Environment[Any, Any, Any]]", factory), Do, Seen, settings=in_process())


def test_an_environment_defined_where_no_process_can_find_it_is_refused_at_once() -> None:
    code = f"from {Risky.__module__} import *\nclass Mine(Risky): pass\ncreate_app(Mine, settings=settings)"
    started = "from openenv.core.env_server.http_server import create_app\n"
    started += "from openenv.core.env_server.settings import ServerSettings\n"
    started += "settings = ServerSettings(isolation='process')\n"
    command = [sys.executable, "-c", started + code]
    ended = subprocess.run(command, env=_with_tests(), capture_output=True, text=True, check=False)
    assert "such as a notebook: put it into a module" in ended.stderr


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"isolation": "container"}, "'thread' or 'process' as isolation, got 'container'"),
        ({"warm_workers": -1}, "as warm_workers"),
        ({"isolation": "process", "memory_limit_mb": 0}, "MiB > 0 as memory_limit_mb"),
        ({"memory_limit_mb": 100}, "isolation='thread'"),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(exceptions.ConfigurationError, match=told):
        ServerSettings(**wrong)


def test_the_environment_variable_chooses_the_isolation() -> None:
    assert ServerSettings.from_environ({"OPENENV_ISOLATION": "process"}).isolation == "process"
    assert ServerSettings.from_environ({}).isolation == "thread"


@pytest.mark.lengthy
def test_thirty_crashes_leave_neither_slots_nor_descriptors() -> None:
    def crash(client: _Client) -> None:
        client.reset()
        with pytest.raises(exceptions.SessionCrashedError):
            client.step(Do(what="exit"))

    with ExitStack() as stack:
        server = stack.enter_context(serve(Risky, settings=in_process(), max_concurrent_envs=2))
        clients = [stack.enter_context(client_of(server)) for _ in range(2)]
        threads = stack.enter_context(ThreadPoolExecutor(2))
        for client in clients:
            client.reset()
        before = len(os.listdir("/dev/fd"))
        for _ in range(15):
            list(threads.map(crash, clients))
        for client in clients:
            client.reset()
        assert sessions_of(server).sessions.capacity.active_sessions == 2
        eventually(lambda: len(os.listdir("/dev/fd")) <= before, "as few descriptors as before")


def test_a_constructor_that_nobody_waits_for_is_stopped() -> None:
    async def give_up(listener: socket.socket) -> None:
        spec = EnvironmentSpec.of(functools.partial(Endless, listener.getsockname()[1]))
        manager = SessionManager(spec, 1, settings=in_process(queue_size=1))
        opening = asyncio.ensure_future(manager.open())
        caller, _ = await asyncio.get_running_loop().sock_accept(listener)
        with caller:
            opening.cancel()
            assert await asyncio.get_running_loop().sock_recv(caller, 1) == b""
        # There is one slot.
        await manager.admission.enter()
        await manager.close_all()

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.setblocking(False)
        asyncio.run(asyncio.wait_for(give_up(listener), PATIENCE_S))


@contextmanager
def _line() -> Iterator[tuple[int, Callable[[], None]]]:
    """Give a port, and what waits until every process that called there is gone."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def wait_for_end() -> None:
            listener.settimeout(PATIENCE_S)
            caller, _ = listener.accept()
            with caller:
                caller.settimeout(PATIENCE_S)
                assert caller.recv(1) == b""

        yield listener.getsockname()[1], wait_for_end


def test_nothing_is_left_when_the_server_stops() -> None:
    with _line() as (port, wait_for_end):
        with serve(Risky, settings=in_process(warm_workers=1)) as server, client_of(server) as client:
            client.reset(port=port)
            workers = _worker_pids(server)
        wait_for_end()
    assert len(workers) == 2
    for pid in workers:
        # Neither running nor waiting to be cleared away: this process is their parent.
        with pytest.raises(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def _worker_pids(server: RunningServer) -> list[int]:
    pool = sessions_of(server).sessions._workers
    assert pool is not None
    eventually(lambda: len(pool._processes) == 2, "a process at work and one that waits")
    return [process.pid for process in pool._processes]


def test_closing_a_session_ends_what_its_environment_started(isolated: RunningServer) -> None:
    with _line() as (port, wait_for_end):
        with client_of(isolated) as client:
            client.reset(port=port)
        wait_for_end()


def _with_tests() -> dict[str, str]:
    """Return the environment variables of a process that can import the tests."""
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])}


_SCRIPT = """
import os, sys
from openenv.core.env_server.settings import ServerSettings
from openenv.testing import serve
from tests.core.env_server.workers import risky_environment


class Mine(risky_environment.Risky):
    pass


{guard}
    with serve(Mine, settings=ServerSettings(isolation="process", warm_workers=1)) as server:
        print(server.base_url, flush=True)
        sys.stdin.read()
"""


@contextmanager
def _script(tmp_path: Path, guard: str) -> Iterator[subprocess.Popen[str]]:
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT.format(guard=guard))
    pipe = subprocess.PIPE
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=_with_tests()) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.lengthy
def test_workers_die_with_a_server_that_is_killed_even_where_their_code_never_yields(tmp_path: Path) -> None:
    with _line() as (port, wait_for_end), _script(tmp_path, 'if __name__ == "__main__":') as process:
        assert process.stdout is not None
        client = RiskyClient(process.stdout.readline().strip(), reconnect_grace_s=0.0).sync()
        client.reset(port=port)

        def loop() -> None:
            with pytest.raises(exceptions.OpenEnvError):
                client.step(Do(what="loop"))

        looping = threading.Thread(target=loop)
        looping.start()
        process.send_signal(signal.SIGKILL)
        wait_for_end()
        looping.join(PATIENCE_S)
        assert not looping.is_alive()
        client.close()


@pytest.mark.lengthy
def test_a_script_that_starts_its_server_when_imported_is_told_of_the_guard(tmp_path: Path) -> None:
    with _script(tmp_path, "if True:") as process:
        assert process.stdout is not None
        client = RiskyClient(process.stdout.readline().strip()).sync()
        with pytest.raises(exceptions.EnvironmentFactoryError, match="could not be imported"):
            client.connect()
        _, told = process.communicate("")
        assert "__name__ == '__main__'" in told
