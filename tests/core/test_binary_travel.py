"""Arrays and bytes on every way between a client and an environment."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from openenv.core import EnvClient, GenericEnvClient
from openenv.core.client_types import StepResult
from openenv.core.env_server import Environment
from openenv.core.env_server.settings import ServerSettings
from openenv.core.env_server.types import Action, Observation, State
from openenv.testing import RunningServer, serve

Array = np.ndarray[Any, Any]


class Paint(Action):
    pixels: Array | None = None
    levels: list[float] = []  # noqa: RUF012 - copied by pydantic
    raw: bytes = b""


class Picture(Observation):
    pixels: Array
    raw: bytes
    levels: list[float]
    anything: Any = None


class Canvas(Environment[Paint, Picture, State]):
    """Shows again what it is given, with the dtypes that it saw."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Picture:
        return Picture(pixels=np.zeros((0, 3), np.float16), raw=b"", levels=[])

    def step(self, action: Paint, timeout_s: float | None = None, **kwargs: Any) -> Picture:
        pixels = np.ones(1) if action.pixels is None else action.pixels
        seen = f"{pixels.dtype} {pixels.shape}"
        return Picture(
            pixels=pixels,
            raw=action.raw,
            levels=action.levels,
            anything={"twice": pixels},
            reward=np.float32(0.5),
            metadata={"seen": seen},
        )

    @property
    def state(self) -> State:
        return State()


class CanvasClient(EnvClient[Paint, Picture, State]):
    pass


class OldCanvasClient(EnvClient[Paint, Picture, State]):
    """Reads answers by itself, as clients written for older releases do."""

    def _parse_result(self, payload: dict[str, Any]) -> StepResult[Picture]:
        self.payload = payload
        return super()._parse_result(payload)


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serve(Canvas) as running:
        yield running


@pytest.fixture(scope="module")
def isolated() -> Iterator[RunningServer]:
    with serve(Canvas, settings=ServerSettings(isolation="process")) as running:
        yield running


_PIXELS = np.arange(12, dtype=np.uint8).reshape(2, 3, 2)
_ACTION = Paint(pixels=_PIXELS, raw=b"\x00\xff", levels=[0.5])


def _painted(result: StepResult[Picture]) -> None:
    observation = result.observation
    assert observation.metadata["seen"] == "uint8 (2, 3, 2)"
    assert observation.pixels.dtype == np.uint8
    np.testing.assert_array_equal(observation.pixels, _PIXELS)
    np.testing.assert_array_equal(observation.anything["twice"], _PIXELS)
    assert isinstance(observation.anything["twice"], np.ndarray)
    assert (observation.raw, observation.levels, result.reward) == (b"\x00\xff", [0.5], 0.5)


@pytest.mark.parametrize("where", ["thread", "process", "here"])
def test_arrays_keep_their_dtype_for_a_sync_client(
    where: str, server: RunningServer, request: pytest.FixtureRequest
) -> None:
    isolated: Callable[[], RunningServer] = lambda: request.getfixturevalue("isolated")  # noqa: E731
    client = (
        CanvasClient.from_environment(Canvas)
        if where == "here"
        else CanvasClient(base_url=(isolated() if where == "process" else server).base_url)
    )
    with client.sync() as env:
        first = env.reset().observation.pixels
        assert (first.shape, first.dtype) == ((0, 3), np.float16)
        _painted(env.step(_ACTION))


@pytest.mark.parametrize("is_embedded", [False, True])
def test_arrays_keep_their_dtype_for_an_async_client(is_embedded: bool, server: RunningServer) -> None:
    async def paint() -> StepResult[Picture]:
        client = CanvasClient.from_environment(Canvas) if is_embedded else CanvasClient(base_url=server.base_url)
        async with client as env:
            return await env.step(_ACTION)

    _painted(asyncio.run(paint()))


def test_a_dict_of_arrays_is_an_action_too(server: RunningServer) -> None:
    with CanvasClient(base_url=server.base_url).sync() as env:
        # The model wants a list of levels; an array of them becomes one, and the pixels an array again.
        result = env.step({"pixels": _PIXELS, "levels": np.array([0.25])})  # type: ignore[arg-type]
    assert result.observation.levels == [0.25]
    np.testing.assert_array_equal(result.observation.pixels, _PIXELS)


def test_clients_with_code_of_their_own_for_answers_get_lists_and_base64(server: RunningServer) -> None:
    client = OldCanvasClient(base_url=server.base_url)
    with client.sync() as env:
        env.step(_ACTION)
    assert client.payload["observation"]["pixels"] == _PIXELS.tolist()
    assert base64.urlsafe_b64decode(client.payload["observation"]["raw"]) == b"\x00\xff"


@pytest.mark.parametrize("binary", [None, True])
def test_generic_clients_get_arrays_where_they_ask_for_them(binary: bool | None, server: RunningServer) -> None:
    with GenericEnvClient(base_url=server.base_url, binary=binary).sync() as env:
        pixels = env.step({"pixels": _PIXELS}).observation["pixels"]
    assert isinstance(pixels, np.ndarray if binary else list)
    np.testing.assert_array_equal(pixels, _PIXELS)


def test_answers_without_arrays_stay_json(server: RunningServer) -> None:
    with CanvasClient(base_url=server.base_url).sync() as env:
        assert env.state() == State()
