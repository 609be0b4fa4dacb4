"""Clients whose server is started for them, by providers that serve in this process."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import pytest

from openenv.core.containers.runtime import ContainerProvider, RuntimeProvider
from openenv.core.env_client import EnvClient
from openenv.core.env_server.types import State
from openenv.core.exceptions import ConfigurationError, ConnectError, ServerStartError
from openenv.testing import serve
from tests.core.worlds import PATIENCE_S, Add, Count, Counter


class CounterEnv(EnvClient[Add, Count, State]):
    pass


class Serving:
    """Starts and stops a server, and keeps what it was asked."""

    def __init__(self, *, fails: Exception | None = None, starting: Callable[[], None] = lambda: None) -> None:
        self.asked: dict[str, Any] = {}
        self.stops = 0
        self._fails = fails
        self._starting = starting
        self._running = ExitStack()

    @property
    def is_running(self) -> bool:
        return bool(self.asked) and self.stops == 0

    def serve(self, asked: dict[str, Any]) -> str:
        self.asked = asked
        self._starting()
        self.base_url = self._running.enter_context(serve(Counter)).base_url
        return self.base_url

    def ready(self, timeout_s: float) -> None:
        self.asked["timeout_s"] = timeout_s
        if self._fails is not None:
            raise self._fails

    def end(self) -> None:
        self.stops += 1
        self._running.close()


class Containers(Serving, ContainerProvider):
    def start_container(
        self, image: str, port: int | None = None, env_vars: Mapping[str, str] | None = None, **kwargs: Any
    ) -> str:
        return self.serve({"image": image, "port": port, "env_vars": env_vars, **kwargs})

    def stop_container(self) -> None:
        self.end()

    def wait_for_ready(self, base_url: str, timeout_s: float = 30.0) -> None:
        self.ready(timeout_s)


class Sparse(Serving, ContainerProvider):
    """Takes as little as some published providers do."""

    def start_container(self, image: str, port: int | None = None) -> str:  # type: ignore[override]
        return self.serve({"image": image, "port": port})

    def stop_container(self) -> None:
        self.end()

    def wait_for_ready(self, base_url: str) -> None:  # type: ignore[override]
        self.ready(0)


class Timed(Containers):
    """Says what it takes, a time among it."""

    start_options = frozenset({"memory", "timeout_s"})


class Processes(Serving, RuntimeProvider):
    def start(
        self, port: int | None = None, env_vars: dict[str, str] | None = None, workers: int = 1, **kwargs: Any
    ) -> str:
        return self.serve({"port": port, "env_vars": env_vars, "workers": workers, **kwargs})

    def stop(self) -> None:
        self.end()

    def wait_for_ready(self, timeout_s: float = 30.0) -> None:
        self.ready(timeout_s)


def test_awaited_the_server_runs_until_the_client_is_closed() -> None:
    provider = Containers()

    async def play() -> int:
        env = await CounterEnv.from_docker_image("counter:latest", provider, message_timeout_s=20, port=1234)
        assert provider.is_running
        total = (await env.step(Add(amount=2))).observation.total
        await env.close()
        return total

    assert asyncio.run(play()) == 2
    assert provider.stops == 1
    assert (provider.asked["image"], provider.asked["port"]) == ("counter:latest", 1234)


def test_entered_it_is_connected_and_closed() -> None:
    provider = Processes()

    async def play() -> int:
        async with CounterEnv.from_env("o/n", use_docker=False, provider=provider, env_vars={"A": "1"}) as env:
            return (await env.reset(start=3)).observation.total

    assert asyncio.run(play()) == 3
    assert provider.stops == 1
    assert provider.asked["env_vars"] == {"A": "1"}


def test_as_a_sync_client() -> None:
    provider = Processes()
    with CounterEnv.from_env("o/n", use_docker=False, provider=provider, wait_timeout=5).sync() as env:
        assert env.step(Add(amount=4)).observation.total == 4
        assert provider.is_running
    assert provider.stops == 1
    assert provider.asked["timeout_s"] == 5


def test_used_before_it_is_started_it_says_how_to_start_it() -> None:
    start: Any = CounterEnv.from_docker_image("counter", provider=Containers(), auth_token="hidden")
    with pytest.raises(AttributeError, match="no 'reset' before its server is started: write 'client = await"):
        start.reset  # noqa: B018
    with pytest.raises(TypeError, match=r"CounterEnv is asynchronous: write 'async with CounterEnv\.from_"), start:
        pass
    assert repr(start) == "<ClientStart of CounterEnv: not started>"


def test_options_reach_the_client() -> None:
    with CounterEnv.from_docker_image("i", Containers(), message_timeout_s=7, headers={"A": "b"}).sync() as env:
        settings = env.async_client._settings
        assert (settings.message_timeout_s, settings.headers["A"]) == (7, "b")


def test_a_provider_that_takes_few_keywords_is_asked_for_no_more() -> None:
    provider = Sparse()
    with CounterEnv.from_docker_image("i", provider, port=5, wait_timeout=3, message_timeout_s=7).sync() as env:
        assert env.step(Add(amount=4)).observation.total == 4
    assert (provider.asked["image"], provider.asked["port"]) == ("i", 5)


def test_options_reach_the_provider_and_one_time_covers_its_start_and_what_comes_after() -> None:
    provider = Timed()
    with CounterEnv.from_docker_image("i", provider, env_vars={"A": "b"}, memory="1g", wait_timeout=30).sync():
        assert provider.asked.items() >= {"env_vars": {"A": "b"}, "memory": "1g"}.items()
    assert 0 < provider.asked["timeout_s"] <= 30


def test_more_starts_than_the_loop_has_threads_go_on_side_by_side() -> None:
    number = 2 * ((os.cpu_count() or 1) + 4)
    all_there = threading.Barrier(number, timeout=PATIENCE_S)

    def meet() -> None:
        all_there.wait()

    async def play() -> None:
        starts = [CounterEnv.from_docker_image("i", Containers(starting=meet)) for _ in range(number)]
        for env in await asyncio.gather(*starts):
            await env.close()

    asyncio.run(play())


@pytest.mark.parametrize("provider", [Containers, Processes])
def test_a_start_that_fails_stops_what_was_started(provider: type[Any]) -> None:
    failing = provider(fails=ServerStartError("it died", logs="Traceback: no module named chess"))

    def start() -> Any:
        if isinstance(failing, ContainerProvider):
            return CounterEnv.from_docker_image("i", failing)
        return CounterEnv.from_env("o/n", use_docker=False, provider=failing)

    async def wait() -> None:
        await start()

    with pytest.raises(ServerStartError, match="no module named chess"):
        start().sync()
    with pytest.raises(ServerStartError, match="it died"):
        asyncio.run(wait())
    assert failing.stops == 2


def test_a_start_that_is_cancelled_leaves_nothing() -> None:
    entered, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        entered.set()
        assert go_on.wait(PATIENCE_S)

    provider = Containers(starting=slow)

    async def play() -> None:
        starting = asyncio.ensure_future(CounterEnv.from_docker_image("i", provider)._start_in_thread())
        await asyncio.to_thread(entered.wait, PATIENCE_S)
        starting.cancel()
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await starting

    asyncio.run(play())
    assert provider.stops >= 1
    with pytest.raises(ConnectError):
        CounterEnv(base_url=provider.base_url).sync().reset()


def test_an_async_client_whose_server_is_gone_is_stopped_when_connecting_fails() -> None:
    class Leaving(Containers):
        def wait_for_ready(self, base_url: str, timeout_s: float = 30.0) -> None:
            self._running.close()

    provider = Leaving()

    async def play() -> None:
        async with CounterEnv.from_docker_image("i", provider):
            pass

    with pytest.raises(ConnectError):
        asyncio.run(play())
    assert provider.stops == 1


@pytest.mark.parametrize(
    ("start", "told"),
    [
        (lambda: CounterEnv.from_docker_image("i", colour=1), "colour.*CounterEnv takes.*headers.*LocalDockerProvider"),
        (lambda: CounterEnv.from_env("o/n", colour=1), "LocalDockerProvider takes.*memory.*wait_timeout"),
        (lambda: CounterEnv.from_docker_image("i", Sparse(), memory="1g"), "memory.*Sparse takes port"),
        (lambda: CounterEnv.from_docker_image("i", Processes()), "expected a ContainerProvider"),  # type: ignore[arg-type]
        (lambda: CounterEnv.from_docker_image("i", base_url="http://localhost:1"), "base_url is for a server that"),
        (lambda: CounterEnv.from_docker_image("i", wait_timeout=0), "wait_timeout"),
        (lambda: CounterEnv.from_env("no-owner"), "expected the name of a Space"),
        (lambda: CounterEnv.from_env("o/n@v1"), "by tags of its own"),
        (lambda: CounterEnv.from_env("o/n", tag="a b"), "an image's tag"),
        (lambda: CounterEnv.from_env("o/n", project_path="."), "use_docker=False"),
        (lambda: CounterEnv.from_env("o/n", use_docker=False, tag="v1"), "tag is an image's"),
        (lambda: CounterEnv.from_env("o/n", use_docker=False, colour=1), "colour"),
        (lambda: CounterEnv.from_env("o/n@v1", use_docker=False, revision="v2"), "names one revision"),
        (lambda: CounterEnv.from_env("o/n", use_docker=False, provider=Containers()), "RuntimeProvider"),
        (lambda: CounterEnv.from_env("o/n", use_docker=False, provider=Processes(), colour=1), "colour"),
        (lambda: CounterEnv.from_env("o/n", use_docker=False, provider=Processes(), project_path="."), "project_path"),
        (lambda: CounterEnv.from_env("o/n", use_docker=False, project_path=".", colour=1), "colour"),
    ],
)
def test_what_is_missing_or_too_much_is_named(start: Callable[[], object], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        start()
