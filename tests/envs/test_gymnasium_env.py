"""The Gymnasium environment: spaces, frames, texts and Atari, as clients meet them."""

from __future__ import annotations

import builtins
import io
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

import gymnasium
import numpy as np
import PIL.Image
import pytest
from gymnasium import spaces

from gymnasium_env import GymnasiumAction, GymnasiumEnv, GymnasiumObservation, GymnasiumState
from gymnasium_env.server.gymnasium_environment import RegistryEnvironment, spec_of
from gymnasium_env.server.rendering import with_tags
from gymnasium_env.server.settings import GymnasiumSettings
from gymnasium_env.server.worlds import World, make_world
from openenv import SyncEnvClient
from openenv.core.env_server.gymnasium_spaces import plain
from openenv.core.exceptions import ConfigurationError, EnvironmentExecutionError, InvalidRequestError
from openenv.testing import check_environment, check_project, serve
from tests.docs.pages import ROOT, blocks_of, promised_lines, run_python

PROJECT = ROOT / "envs" / "gymnasium_env"
Player: TypeAlias = SyncEnvClient[GymnasiumAction, GymnasiumObservation, GymnasiumState]
ANYTHING = GymnasiumSettings(allowed=("*",))
PONG = GymnasiumSettings(id="ALE/Pong-v5")
PUSHES = [{"action": 1}, {"action": 0}]


@pytest.fixture(autouse=True, scope="module")
def no_screen() -> Iterator[None]:
    """Keep what draws the frames from looking for a screen and a sound card."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SDL_VIDEODRIVER", "dummy")
        patch.setenv("SDL_AUDIODRIVER", "dummy")
        yield


def playing(settings: GymnasiumSettings) -> AbstractContextManager[Player]:
    """Return a client of an environment in this process, entered by `with`."""
    return GymnasiumEnv.from_environment(lambda: RegistryEnvironment(settings)).sync()


@pytest.fixture
def env() -> Iterator[Player]:
    with playing(ANYTHING) as client:
        yield client


class Mirror(gymnasium.Env[Any, Any]):
    """Shows each action as the observation, with what it is in the info."""

    def __init__(self, space: spaces.Space[Any]) -> None:
        self.action_space = self.observation_space = space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.action_space.seed(seed)
        return self.action_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        info = {"seen": repr(action), "array": np.arange(2), "deep": {1: (np.float32(0.5), {3})}, "who": self}
        return action, 0.5, False, False, info

    def __str__(self) -> str:
        return "a mirror"


@pytest.fixture
def mirror() -> Iterator[Callable[[spaces.Space[Any]], GymnasiumSettings]]:
    """Have environments of one's own in Gymnasium's registry."""
    names: list[str] = []

    def register(space: spaces.Space[Any]) -> GymnasiumSettings:
        names.append(f"Mirror{len(names)}-v0")
        gymnasium.register(names[-1], lambda **_: Mirror(space))
        return GymnasiumSettings(id=names[-1])

    yield register
    for name in names:
        del gymnasium.registry[name]


class Painted(gymnasium.Env[Any, Any]):
    """Observes a picture, as one that is painted on a canvas which all of them share."""

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"]}  # noqa: RUF012  # declared so by Gymnasium
    canvas = np.zeros((4, 4, 3), dtype=np.uint8)
    observation_space = spaces.Box(0, 255, (4, 4, 3), np.uint8)
    action_space = spaces.Discrete(2)
    render_mode = "rgb_array"

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return self.render(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return self.render(), 0.0, False, False, {}

    def render(self) -> Any:
        self.canvas[:] = 0
        for row in self.canvas:
            time.sleep(0)
            row += 1
        return self.canvas.copy()


@pytest.fixture
def painted() -> Iterator[None]:
    gymnasium.register("Painted-v0", lambda **_: Painted())
    yield
    del gymnasium.registry["Painted-v0"]


def test_an_episode_is_gymnasiums_own(env: Player) -> None:
    world = gymnasium.make("CartPole-v1")
    seen, _ = world.reset(seed=4)
    result = env.reset(seed=4)
    np.testing.assert_array_equal(result.observation.observation, seen)
    assert result.observation.observation.dtype == np.float32
    while not result.done:
        seen, reward, terminated, truncated, _ = world.step(1)
        result = env.step(GymnasiumAction(action=1))
        np.testing.assert_array_equal(result.observation.observation, seen)
        assert (result.reward, result.observation.terminated, result.observation.truncated) == (
            reward,
            terminated,
            truncated,
        )

    assert result.observation.terminated
    assert env.state().episode_return == env.state().step_count > 5
    with pytest.raises(EnvironmentExecutionError, match="the episode is over"):
        env.step(GymnasiumAction(action=1))


def test_an_episode_that_is_cut_short_is_truncated() -> None:
    with playing(GymnasiumSettings(options={"max_episode_steps": 2})) as env:
        env.reset(seed=0)
        env.step(GymnasiumAction(action=0))
        last = env.step(GymnasiumAction(action=1))

    assert (last.done, last.observation.terminated, last.observation.truncated) == (True, False, True)


@pytest.mark.parametrize(
    ("space", "action", "wrong", "place"),
    [
        (spaces.Discrete(3, start=2), 4, 5, ""),
        (spaces.Discrete(3), np.int64(1), True, ""),
        (spaces.Box(-1, 1, (2,)), [0.5, -1], [0.5], ""),
        (spaces.Box(-1, 1, (2,)), np.array([0.5, 0]), [0.5, 1.5], ""),
        (spaces.Box(0, 255, (2,), np.uint8), np.array([1, 2], np.uint8), [1, 256], ""),
        (spaces.Box(-1, 1, ()), 0.5, float("nan"), ""),
        (spaces.MultiDiscrete([2, 5]), [1, 4], [1.0, 4.5], ""),
        (spaces.MultiBinary(2), [True, 0], [2, 0], ""),
        (spaces.Text(3, charset="ab"), "abb", "abc", ""),
        (spaces.Tuple((spaces.Discrete(2), spaces.Box(0, 1, (1,)))), [1, [0.5]], [1, [2.0]], r" as action\[1\]"),
        (spaces.Dict({"a": spaces.Discrete(2)}), {"a": 1}, {"a": 2}, r" as action\.a"),
        (spaces.Dict({"a": spaces.Discrete(2)}), {"a": 1}, {"a": 1, "b": 1}, ""),
        (spaces.Sequence(spaces.Discrete(2)), [0, 1, 1], [0, 7], r" as action\[1\]"),
        (spaces.OneOf((spaces.Discrete(2), spaces.Discrete(9))), [1, 8], [0, 8], r" as action\[1\]"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, spaces.Space) else "",
)
def test_actions_of_every_space_arrive_and_what_is_none_is_refused(
    mirror: Callable[[spaces.Space[Any]], GymnasiumSettings],
    space: spaces.Space[Any],
    action: object,
    wrong: object,
    place: str,
) -> None:
    with playing(mirror(space)) as env:
        env.reset(seed=1)
        result = env.step(GymnasiumAction(action=action))
        with pytest.raises(InvalidRequestError, match=rf"expected an action of \w+\(.*\){place}, got "):
            env.step(GymnasiumAction(action=wrong))
        assert env.state().step_count == 1

    assert plain(result.observation.observation) == plain(action)


def test_what_is_told_beside_is_made_of_what_json_has(
    mirror: Callable[[spaces.Space[Any]], GymnasiumSettings],
) -> None:
    with playing(mirror(spaces.Discrete(2))) as env:
        env.reset()
        info = env.step(GymnasiumAction(action=1)).observation.info

    told = {"seen": "np.int64(1)", "array": [0, 1], "deep": {"1": [0.5, "{3}"]}, "who": "a mirror"}
    assert info | {"seen": "np.int64(1)"} == told


def test_a_server_of_one_environment_tells_its_spaces_and_keeps_to_them() -> None:
    spec = spec_of(GymnasiumSettings(id="Pendulum-v1"))
    described = spec.action.model_json_schema()["properties"]["action"]
    assert described["items"] == {"type": "number", "minimum": -2.0, "maximum": 2.0}
    seen = spec.observation.model_json_schema()["properties"]["observation"]
    assert (seen["items"], seen["minItems"]) == ({"type": "number"}, 3)

    with GymnasiumEnv.from_environment(spec).sync() as env:
        env.reset(seed=1)
        with pytest.raises(InvalidRequestError, match=r"action: Value error, expected an action of Box"):
            env.step(GymnasiumAction(action=[2.5]))
        assert env.step(GymnasiumAction(action=np.array([2.0]))).reward is not None
        assert env.state().action_space["items"] == described["items"]


def test_frames_and_texts_are_shown_where_they_are_asked_for(env: Player) -> None:
    first = env.reset(id="FrozenLake-v1", seed=6, render="text").observation
    assert first.text.split() == ["<red>S</red>FFF", "FHFH", "FFFH", "HFFG"]
    assert (first.png, first.frame) == (None, None)

    array = env.step(GymnasiumAction(action=2, render="array")).observation
    assert (array.frame.shape, array.frame.dtype, array.text) == ((256, 256, 3), np.uint8, "")
    kept = array.frame.copy()
    picture = env.step(GymnasiumAction(action=0, render=True)).observation
    assert PIL.Image.open(io.BytesIO(picture.png or b"")).size == (256, 256)
    np.testing.assert_array_equal(array.frame, kept)

    bare = env.step(GymnasiumAction(action=0)).observation
    assert (bare.png, bare.frame, bare.text) == (None, None, "")
    assert env.state().render_modes == ["ansi", "rgb_array"]


def test_a_server_may_show_every_step() -> None:
    with playing(GymnasiumSettings(id="Taxi-v4", render="text")) as env:
        assert "<yellow>" in env.reset(seed=3).observation.text
        assert "(South)" in env.step(GymnasiumAction(action=0)).observation.text
        assert env.step(GymnasiumAction(action=0, render=False)).observation.text == ""


def test_what_cannot_be_shown_is_refused_before_anything_is_done(env: Player) -> None:
    env.reset(seed=1)
    with pytest.raises(InvalidRequestError, match=r"CartPole-v1 cannot be rendered as text, .* modes are rgb_array"):
        env.step(GymnasiumAction(action=1, render="text"))

    assert env.state().step_count == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [("\x1b[41mS\x1b[0mF", "<red>S</red>F"), ("\x1b[34;1mB\x1b[0m", "<blue>B</blue>"), ("\x1b[1mx\x1b[m\x1b[2J", "x")],
)
def test_colours_become_tags(text: str, told: str) -> None:
    assert with_tags(text).removesuffix("\x1b[2J") == told


def test_another_environment_may_be_chosen_where_the_server_allows_it(env: Player) -> None:
    assert env.reset(seed=1, id="Blackjack-v1").observation.observation == [20, 7, 0]
    assert env.state().id == "Blackjack-v1"
    # It stays.
    assert len(env.reset(seed=1).observation.observation) == 3

    with pytest.raises(InvalidRequestError, match="Gymnasium cannot make 'Nothing-v0'"):
        env.reset(id="Nothing-v0")
    with pytest.raises(InvalidRequestError, match="does not play 'os:Nothing-v0'"):
        env.reset(id="os:Nothing-v0")
    assert env.state().id == "Blackjack-v1"
    assert env.step(GymnasiumAction(action=0)).done


def test_only_what_the_settings_allow_may_be_chosen() -> None:
    settings = GymnasiumSettings.from_environ(
        {"GYMNASIUM_ID": "Taxi-v4", "GYMNASIUM_ALLOWED": "Frozen*, ALE/*", "GYMNASIUM_OPTIONS": '{"is_rainy": true}'}
    )
    assert [settings.allows(each) for each in ("Taxi-v4", "FrozenLake-v1", "ALE/Pong-v5", "CartPole-v1")] == [
        True,
        True,
        True,
        False,
    ]
    with playing(settings) as env:
        env.reset(id="FrozenLake-v1")
        with pytest.raises(InvalidRequestError, match=r"does not play 'CartPole-v1': it plays 'Taxi-v4', 'Frozen\*'"):
            env.reset(id="CartPole-v1")
        assert len(env.reset(seed=1, id="Taxi-v4").observation.info["action_mask"]) == 6


@pytest.mark.parametrize(
    "environ",
    [
        {"GYMNASIUM_ID": "Nothing-v0"},
        {"GYMNASIUM_OPTIONS": "[1]"},
        {"GYMNASIUM_OPTIONS": "{"},
        {"GYMNASIUM_OPTIONS": '{"colour": "red"}'},
        {"GYMNASIUM_RENDER": "3d"},
    ],
    ids=str,
)
def test_settings_that_cannot_work_are_told_at_the_start(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        spec_of(GymnasiumSettings.from_environ(environ))


def test_pong_is_played_for_real() -> None:
    frames = []
    for _ in range(2):
        with playing(PONG) as env:
            first = env.reset(seed=7).observation.observation
            assert env.state().action_meanings[:2] == ["NOOP", "FIRE"]
            results = [env.step(GymnasiumAction(action=number % 6)) for number in range(8)]
        frames.append([each.observation.observation for each in results])
        assert (first.shape, first.dtype) == ((210, 160, 3), np.uint8)
        assert (results[-1].reward, results[-1].observation.info["lives"]) == (0.0, 0)

    np.testing.assert_array_equal(frames[0], frames[1])
    assert (frames[0][0] != frames[0][-1]).any()


def test_the_readme_does_what_it_says() -> None:
    blocks = [block for block in blocks_of(PROJECT / "README.md") if block.language == "python"]
    with serve(spec_of(ANYTHING).factory) as server:
        for block in blocks:
            assert run_python(block, server.base_url, {"__builtins__": builtins})[0] == promised_lines(block)
    assert len(blocks) == 3


@pytest.mark.parametrize("settings", [ANYTHING, GymnasiumSettings(id="FrozenLake-v1")], ids=["any", "one"])
def test_it_keeps_what_every_environment_promises(settings: GymnasiumSettings) -> None:
    spec = spec_of(settings)
    report = check_environment(
        spec, client_cls=GymnasiumEnv, level="contract", steps=8, actions=PUSHES, check_timeout_s=300
    )

    report.raise_if_failed(strict=True)


@pytest.mark.parametrize("gymnasium_id", ["Acrobot-v1", "Painted-v0"])
def test_worlds_are_drawn_one_at_a_time(gymnasium_id: str, painted: None) -> None:
    worlds = [make_world(gymnasium_id, {}) for _ in range(8)]
    for world in worlds:
        world.reset(seed=3)
    expected = worlds[0].render()

    def frames_differ(world: World) -> int:
        seen = [world.render() if gymnasium_id == "Acrobot-v1" else world.step(0)[0] for _ in range(40)]
        return sum((np.asarray(frame) != expected).any() for frame in seen)

    with ThreadPoolExecutor(len(worlds)) as threads:
        differing = list(threads.map(frames_differ, worlds))
    for world in worlds:
        world.close()

    assert differing == [0] * len(worlds)


@pytest.mark.lengthy
def test_frames_of_many_sessions_do_not_get_in_each_others_way() -> None:
    checks = ["sixteen_sessions_run_at_once", "close_gives_everything_back"]
    report = check_environment(spec_of(GymnasiumSettings()), steps=4, checks=checks, check_timeout_s=300)

    report.raise_if_failed(strict=True)


@pytest.mark.lengthy
def test_pong_keeps_what_every_environment_promises() -> None:
    actions = [{"action": action} for action in range(6)]
    checks = ["a_recording_replays", "sessions_are_isolated", "refusals_do_no_harm", "close_gives_everything_back"]
    report = check_environment(spec_of(PONG), actions=actions, steps=2, checks=checks, check_timeout_s=300)

    report.raise_if_failed(strict=True)


def test_its_project_is_whole() -> None:
    check_project(PROJECT, level="static").raise_if_failed(strict=True)
