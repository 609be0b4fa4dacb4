"""Environments as processes on this machine, from their directory, their package or a command."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sys
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openenv.core.containers.runtime import LocalProcessProvider
from openenv.core.containers.runtime._sockets import listen
from openenv.core.exceptions import ConfigurationError, ProviderError, ServerStartError

from .support import Alive, quiet_port, tiny


def get(url: str) -> bytes:
    with urllib.request.urlopen(url) as response:  # noqa: S310 - an address of loopback
        return bytes(response.read())


def of_directory(directory: Path, *settings: str, **arguments: Any) -> LocalProcessProvider:
    variables = {"TINY": " ".join(settings), **arguments.pop("env_vars", {})}
    return LocalProcessProvider(directory, env_vars=variables, **arguments)


# -- what is run


def test_a_directory_is_served_inside_the_block_and_not_after_it(environment_directory: Path, alive: Alive) -> None:
    with of_directory(environment_directory, alive.setting) as provider:
        assert get(f"{provider.base_url}/health") == b"{}"
        assert provider.is_alive()
    alive.wait_for_start()
    alive.wait_for_end()
    assert not provider.is_alive()


def test_uvicorn_gets_the_application_and_a_socket(environment_directory: Path) -> None:
    with of_directory(environment_directory) as provider:
        assert provider.logs().startswith("server.app:app --fd ")
        assert "--reload" not in provider.logs()
        assert "--workers" not in provider.logs()


def test_the_manifest_names_the_application(environment_directory: Path) -> None:
    (environment_directory / "openenv.yaml").write_text("app: other.place:make\nport: 8000\n")
    with of_directory(environment_directory) as provider:
        assert provider.logs().startswith("other.place:make ")
    with of_directory(environment_directory, app="mine:app") as provider:
        assert provider.logs().startswith("mine:app ")


def test_reload_reaches_uvicorn(environment_directory: Path) -> None:
    with of_directory(environment_directory, reload=True) as provider:
        assert "--reload" in provider.logs()
    with pytest.raises(ConfigurationError, match="expected 1 worker with reload, got 2"):
        provider.start(workers=2)


@pytest.mark.lengthy
def test_several_workers_are_one_server() -> None:
    provider = LocalProcessProvider("echo_env", python=sys.executable, env_vars={"MAX_CONCURRENT_ENVS": "3"})
    provider.start(workers=2)
    provider.wait_for_ready()
    with contextlib.closing(provider):
        assert b"openenv_processes 2.0" in get(f"{provider.base_url}/metrics")
        assert b'"max_sessions":3' in get(f"{provider.base_url}/sessions")


def test_an_older_release_elsewhere_has_the_workers_of_uvicorn(environment_directory: Path) -> None:
    (environment_directory / "openenv.py").write_text("")
    provider = of_directory(environment_directory, python=sys.executable, env_vars={"PYTHONPATH": "."})
    provider.start(workers=3)
    provider.wait_for_ready()
    assert "--workers 3" in provider.logs()
    provider.stop()


def test_another_interpreter_can_be_given(environment_directory: Path) -> None:
    with of_directory(environment_directory, python=["/usr/bin/env", sys.executable]) as provider:
        assert provider.logs().startswith("server.app:app ")
    with of_directory(environment_directory, python=Path(sys.executable)) as provider:
        assert provider.logs().startswith("server.app:app ")


@pytest.mark.parametrize("app", ["server.app:app", "my_installed_env.server.app:app"])
def test_an_installed_package_is_served_by_its_import_name(
    environment_directory: Path, monkeypatch: pytest.MonkeyPatch, app: str
) -> None:
    package = environment_directory / "my_installed_env"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('finding it must not import it')")
    (package / "openenv.yaml").write_text(f"app: {app}")
    monkeypatch.syspath_prepend(str(environment_directory))
    with LocalProcessProvider("my_installed_env", env_vars={"PYTHONPATH": str(environment_directory)}) as provider:
        assert provider.logs().startswith("my_installed_env.server.app:app ")


def test_a_command_takes_a_socket_by_its_number() -> None:
    with LocalProcessProvider(command=tiny("fd={fd}")) as provider:
        assert get(f"{provider.base_url}/health") == b"{}"


def test_a_command_takes_a_port_by_its_number() -> None:
    with LocalProcessProvider(command=tiny("port={port}", "say={host}:{port}")) as provider:
        assert provider.base_url == f"http://{provider.logs()}"


def test_a_command_finds_host_and_port_in_its_environment(tmp_path: Path) -> None:
    code = "import os, socket; s = socket.create_server((os.environ['HOST'], int(os.environ['PORT'])))"
    code += "\nwhile True: s.accept()"
    provider = LocalProcessProvider(tmp_path, command=[sys.executable, "-I", "-S", "-c", code])
    assert provider.start().startswith("http://127.0.0.1:")
    provider.stop()


def test_a_command_runs_in_the_project_directory(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    code = "import os; print(os.getcwd()); raise SystemExit(1)"
    provider = LocalProcessProvider(tmp_path / "here", command=[sys.executable, "-c", code, "{fd}"])
    with pytest.raises(ServerStartError, match=str((tmp_path / "here").resolve())), provider:
        pass


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "expected a project .* or a command"),
        ({"project": "no/such/directory"}, "expected an environment's directory .* 'no/such/directory'"),
        ({"project": "no_such_package"}, "neither a directory nor an installed package: pip install"),
        ({"project": "keyword"}, "neither a directory nor an installed package"),
        ({"project": ".", "app": "server.app"}, "expected app as 'module:attribute'"),
        ({"command": []}, "expected command as a list"),
        ({"command": "python server.py"}, "expected command as a list"),
        ({"command": ["x"], "app": "a:b"}, "not for a command"),
        ({"command": ["x"], "project": "no/such/directory"}, "expected a directory to run the command in"),
        ({"project": ".", "env_vars": {"WORKERS": 3}}, r"expected env_vars\['WORKERS'\] as a string, got int"),
        ({"project": ".", "env_vars": {"A=B": "c"}}, "without '=', and no NUL"),
    ],
)
def test_what_cannot_be_run_is_refused_at_once(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        LocalProcessProvider(**arguments)


# -- ports


def test_the_port_asked_for_is_the_port(environment_directory: Path) -> None:
    port = quiet_port()
    provider = of_directory(environment_directory)
    assert provider.start(port=port) == f"http://127.0.0.1:{port}"
    provider.wait_for_ready()
    provider.stop()
    assert provider.start(port=port) == f"http://127.0.0.1:{port}", "a port just left is free"
    provider.stop()


@pytest.mark.parametrize("place", ["fd={fd}", "port={port}"])
def test_a_port_in_use_is_an_error_before_anything_is_run(place: str) -> None:
    provider = LocalProcessProvider(command=tiny(place))
    with listen("127.0.0.1", None) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ProviderError, match=f"port {port} on 127.0.0.1 is in use"):
            provider.start(port=port)
    assert not provider.is_alive()


def test_a_free_port_that_somebody_took_is_replaced_by_another(tmp_path: Path) -> None:
    with LocalProcessProvider(command=tiny("port={port}", f"clash={tmp_path}/clash")) as provider:
        assert get(f"{provider.base_url}/health") == b"{}"


def test_a_port_asked_for_is_not_replaced(tmp_path: Path) -> None:
    provider = LocalProcessProvider(command=tiny("port={port}", f"clash={tmp_path}/clash"))
    provider.start(port=quiet_port())
    with pytest.raises(ServerStartError, match="Address already in use"):
        provider.wait_for_ready()


def test_a_command_that_fails_is_not_tried_again() -> None:
    provider = LocalProcessProvider(command=tiny("port={port}", "exit=4", "say=no luck"))
    with pytest.raises(ServerStartError, match="exited with 4 before it could listen on port") as caught:
        provider.start()
    assert caught.value.logs == "no luck"
    assert not provider.is_alive()


# -- ends


def test_a_server_that_dies_is_an_error_with_its_output_and_status(environment_directory: Path) -> None:
    provider = of_directory(environment_directory, "exit=3")
    provider.start()
    with pytest.raises(ServerStartError) as caught:
        provider.wait_for_ready()
    assert f"the server of {environment_directory} exited with 3 before it could answer http" in str(caught.value)
    assert caught.value.returncode == provider.returncode == 3
    assert "server.app:app --fd" in caught.value.logs
    assert caught.value.logs in str(caught.value)


def test_a_server_that_dies_at_the_first_request_is_no_ready_one() -> None:
    with pytest.raises(ServerStartError, match="exited with 0"):
        LocalProcessProvider(command=tiny("fd={fd}", "quit=")).__enter__()


def test_a_server_that_is_never_ready_is_stopped(environment_directory: Path, alive: Alive) -> None:
    provider = of_directory(environment_directory, "deaf=", alive.setting)
    provider.start()
    alive.wait_for_start()
    with pytest.raises(ServerStartError, match=r"within 0\.2 s"):
        provider.wait_for_ready(timeout_s=0.2)
    alive.wait_for_end()
    with pytest.raises(ProviderError, match="not started"):
        _ = provider.base_url


def test_a_module_that_is_missing_leads_to_advice(tmp_path: Path) -> None:
    (tmp_path / "uvicorn.py").write_text("import no_such_module_at_all")
    with pytest.raises(
        ServerStartError, match=r" lacks the module 'no_such_module_at_all'\. .* pip install '.*UVProvider"
    ):
        LocalProcessProvider(tmp_path).__enter__()


def test_a_block_that_raises_stops_the_server(environment_directory: Path, alive: Alive) -> None:
    with pytest.raises(ValueError, match="mine"), of_directory(environment_directory, alive.setting):
        raise ValueError("mine")
    alive.wait_for_start()
    alive.wait_for_end()


def test_a_provider_that_nobody_has_any_more_stops_its_server(environment_directory: Path, alive: Alive) -> None:
    provider = of_directory(environment_directory, alive.setting)
    provider.start()
    alive.wait_for_start()
    del provider
    gc.collect()
    alive.wait_for_end()


def test_a_provider_starts_again_after_it_was_stopped(environment_directory: Path) -> None:
    provider = of_directory(environment_directory)
    for _ in range(2):
        with provider:
            assert get(provider.base_url) == b"{}"


def test_a_second_start_is_refused(environment_directory: Path) -> None:
    with of_directory(environment_directory) as provider:
        with pytest.raises(ProviderError, match=f"runs already, at {provider.base_url}"):
            provider.start()
        assert provider.is_alive()


def test_stopping_what_never_started_does_nothing(environment_directory: Path) -> None:
    provider = of_directory(environment_directory)
    provider.stop()
    assert (provider.is_alive(), provider.returncode, provider.logs()) == (False, None, "")


def test_waiting_for_what_never_started_is_an_error(environment_directory: Path) -> None:
    with pytest.raises(ProviderError, match=r"call start\(\) first"):
        of_directory(environment_directory).wait_for_ready()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"port": 0}, "expected a port"),
        ({"workers": 0}, "expected workers of 1 or more"),
        ({"memory": "1g", "cpus": 2}, "takes port, env_vars and workers, got cpus, memory"),
        ({"env_vars": {"KEY": None}}, r"env_vars\['KEY'\] as a string"),
    ],
)
def test_starts_that_cannot_work_are_refused(
    environment_directory: Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        of_directory(environment_directory).start(**arguments)


def test_a_command_has_no_workers_of_ours() -> None:
    with pytest.raises(ConfigurationError, match="a command sees to its own workers; got 2"):
        LocalProcessProvider(command=tiny("fd={fd}")).start(workers=2)


# -- environment variables and secrets


def test_variables_of_the_start_go_before_those_of_the_provider(environment_directory: Path) -> None:
    provider = of_directory(environment_directory, "show=MODE", env_vars={"MODE": "one"})
    provider.start(env_vars={"MODE": "two"})
    provider.wait_for_ready()
    assert provider.logs().splitlines()[-1] == "two"
    provider.stop()
    assert "MODE" not in os.environ


def test_secrets_in_variables_are_in_no_error_and_no_log(environment_directory: Path) -> None:
    provider = of_directory(environment_directory, "show=MY_TOKEN", "exit=1", env_vars={"MY_TOKEN": "hf_abc"})
    provider.start(env_vars={"DATABASE": "postgres://me:hunter2@db"})
    with pytest.raises(ServerStartError) as caught:
        provider.wait_for_ready()
    shown = f"{caught.value}{caught.value.logs}{provider.logs()}"
    assert "***" in shown
    assert "hf_abc" not in shown
    assert "hunter2" not in shown


# -- starts that are given up


def test_stopping_from_another_thread_ends_a_wait_at_once(environment_directory: Path, alive: Alive) -> None:
    provider = of_directory(environment_directory, "deaf=", alive.setting)
    provider.start()
    waiting = threading.Thread(target=pytest.raises, args=(ServerStartError, provider.wait_for_ready, 3600))
    waiting.start()
    alive.wait_for_start()
    provider.stop()
    waiting.join()
    alive.wait_for_end()


@pytest.mark.parametrize("place", ["fd={fd}", "port={port}"])
def test_a_cancelled_start_ends_in_a_stopped_server(alive: Alive, place: str) -> None:
    provider = LocalProcessProvider(command=tiny(place, "deaf=", alive.setting))

    async def start() -> None:
        try:
            await asyncio.to_thread(provider.start)
            await asyncio.to_thread(provider.wait_for_ready, 3600)
        finally:
            await asyncio.to_thread(provider.stop)

    async def cancel() -> None:
        starting = asyncio.create_task(start())
        await asyncio.to_thread(alive.wait_for_start)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

    asyncio.run(cancel())
    alive.wait_for_end()
    assert not provider.is_alive()


def test_a_stop_that_comes_before_the_process_is_there_is_heeded(
    environment_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = of_directory(environment_directory)
    check_options: Callable[..., None] = provider._check_options

    def stop_meanwhile(*arguments: Any) -> None:
        provider.stop()
        check_options(*arguments)

    monkeypatch.setattr(provider, "_check_options", stop_meanwhile)
    with pytest.raises(ProviderError, match=r"stop\(\) was called before the server was started"):
        provider.start()
    assert not provider.is_alive()


# -- the real thing

REAL_ENVIRONMENT = """
from openenv.core.env_server.http_server import create_app
from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import Action, Observation, State

class Greeter(Environment[Action, Observation, State]):
    def reset(self, seed=None, episode_id=None, **kwargs):
        return Observation(metadata={"greeting": "hello"})

    def step(self, action, timeout_s=None, **kwargs):
        return Observation(done=True)

    @property
    def state(self):
        return State()

app = create_app(Greeter)
"""


def test_a_real_environment_is_served_from_its_directory(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "app.py").write_text(REAL_ENVIRONMENT)
    with LocalProcessProvider(tmp_path) as provider:
        request = urllib.request.Request(f"{provider.base_url}/reset", data=b"", method="POST")  # noqa: S310
        with urllib.request.urlopen(request) as response:  # noqa: S310 - an address of loopback
            assert b"hello" in response.read()
