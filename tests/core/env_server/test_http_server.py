from __future__ import annotations

import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from openenv.core.env_server.http_server import HTTPEnvServer, create_app, create_fastapi_app
from openenv.core.env_server.settings import ServerSettings
from openenv.core.env_server.types import ConcurrencyConfig, ServerMode
from openenv.core.exceptions import ConcurrencyConfigurationError, ConfigurationError
from openenv.testing import serve
from tests.core.worlds import Add, Count, Counter, Peer, opened


class Single(Counter):
    SUPPORTS_CONCURRENT_SESSIONS = False


def test_an_application_takes_its_models_from_the_class() -> None:
    app = create_app(Counter)
    assert app.title == "Counter"
    assert {route.path for route in app.routes if hasattr(route, "path")} >= {
        "/reset",
        "/step",
        "/state",
        "/health",
        "/metadata",
        "/schema",
        "/mcp",
        "/ws",
    }


def test_applications_written_for_older_servers_are_made() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        app = create_app(Counter, Add, Count, env_name="mine", max_concurrent_envs=2, gradio_builder=None)
    with serve(app) as server, opened(server.base_url) as peer:
        assert peer.ask("step", {"amount": 2})["data"]["observation"]["total"] == 2
        assert httpx.get(f"{server.base_url}/metadata").json()["name"] == "mine"
    assert create_fastapi_app(Counter, Add, Count, 2, None, "mine").title == "mine"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"env": Counter()}, "pass the class itself, not an instance"),
        ({"env": 5}, "expected an Environment class"),
        ({"env": Counter, "max_concurrent_envs": 0}, "max_concurrent_envs, got 0"),
        ({"env": Counter, "max_concurrent_envs": -1}, "max_concurrent_envs, got -1"),
        ({"env": Counter, "max_concurrent_envs": "many"}, "max_concurrent_envs, got 'many'"),
        ({"env": Counter, "mode": "dreaming"}, "'simulation' or 'production'"),
        (
            {"env": Counter, "max_concurrent_envs": 2, "concurrency_config": ConcurrencyConfig(max_concurrent_envs=2)},
            "not both",
        ),
        ({"env": lambda: Counter()}, "does not say what its action class is"),
    ],
    ids=lambda value: "" if isinstance(value, str) else repr(list(value)),
)
def test_what_cannot_work_is_named(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        create_app(**arguments)


@pytest.mark.parametrize("options", [{"max_concurrent_envs": 3}, {"concurrency_config": {"max_concurrent_envs": 3}}])
def test_more_sessions_than_the_environment_supports(options: dict[str, Any]) -> None:
    if "concurrency_config" in options:
        options = {"concurrency_config": ConcurrencyConfig(**options["concurrency_config"])}
    with pytest.raises(ConcurrencyConfigurationError, match="SUPPORTS_CONCURRENT_SESSIONS = True") as caught:
        create_app(Single, **options)
    assert (caught.value.environment_name, caught.value.max_concurrent_envs) == ("Single", 3)


def test_a_number_in_the_environment_variables_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_CONCURRENT_ENVS", "lots")
    with pytest.raises(ConfigurationError, match="'lots'"):
        create_app(Counter)


def test_the_mode_may_be_a_member_or_text_in_any_case() -> None:
    for mode in (ServerMode.SIMULATION, "simulation", "Simulation"):
        assert any(getattr(route, "path", "") == "/reset" for route in create_app(Counter, mode=mode).routes)


def test_two_servers_in_one_application_share_nothing() -> None:
    first, second = HTTPEnvServer(Counter), HTTPEnvServer(Single)
    assert (first.max_concurrent_envs, second.max_concurrent_envs) == (64, 1)
    assert first.sessions is not second.sessions


def test_how_large_messages_may_be_is_a_setting() -> None:
    with serve(Counter, settings=ServerSettings(max_message_size_mb=2)) as server, Peer(server.base_url) as peer:
        assert peer.ask("open")["data"]["max_message_bytes"] == 2 * 2**20
        assert peer.ask("step", {"fail": "x" * 2**20})["data"]["remote_type"] == "ArithmeticError"
        peer.send({"type": "step", "id": 9, "data": {"fail": "x" * 2**21}})
        assert "reads up to 2097152" in peer.receive()["data"]["message"]


def test_an_unknown_path_is_refused_and_no_error() -> None:
    with serve(Counter) as server:
        assert httpx.get(f"{server.base_url}/nowhere").status_code == 404
        with pytest.raises(Exception, match="403"):
            Peer(server.base_url, path="/nowhere")
        assert httpx.get(f"{server.base_url}/health").status_code == 200


def test_threads_build_their_applications_one_after_another() -> None:
    # FastAPI silences a warning of pydantic's for a moment, which threads that do so at once undo for one another.
    building, most, begun = 0, 0, threading.Barrier(4)

    class Slow(Add):
        @classmethod
        def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
            nonlocal building, most
            building += 1
            most = max(most, building)
            for _ in range(100):
                time.sleep(0)
            building -= 1
            return super().model_json_schema(*args, **kwargs)

    def build() -> None:
        begun.wait(60)
        create_app(Counter, Slow)

    with ThreadPoolExecutor(4) as threads:
        for built in [threads.submit(build) for _ in range(4)]:
            built.result()

    assert most == 1
