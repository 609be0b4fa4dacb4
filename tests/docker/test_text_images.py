"""The images of the environments that ask questions of reasoning-gym and play TextArena."""

from __future__ import annotations

import pytest

from reasoning_gym_env import ReasoningGymAction, ReasoningGymEnv
from scripts.build_image import build_environment
from tests.docker.commands import container, inspect, published_url, wait_for_health
from tests.docs.pages import ROOT
from textarena_env import TextArenaAction, TextArenaEnv

STRICTLY = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--memory=512m"]
MOST_BYTES_ABOVE_BASE = 150_000_000

pytestmark = pytest.mark.timeout(400)


def _built(name: str) -> str:
    """Return the name of an environment's image, built from this checkout."""
    tag = f"openenv-{name.replace('_', '-')}"
    build_environment(ROOT / "envs" / name, tag)
    base = int(inspect("image", tag.replace("openenv-", "openenv-base-", 1))["Size"])
    assert int(inspect("image", tag)["Size"]) - base < MOST_BYTES_ABOVE_BASE
    return tag


def test_an_image_asks_and_scores_questions(echo_image: str) -> None:
    with container(_built("reasoning_gym_env"), "--health-interval=500ms", *STRICTLY) as name:
        wait_for_health(name)
        with ReasoningGymEnv(base_url=published_url(name)).sync() as env:
            # What draws is not in the image.
            for dataset, last in (("leg_counting", "11 elephants?"), ("game_of_life", ""), ("zebra_puzzles", "")):
                result = env.reset(dataset=dataset, seed=42)
                assert last in result.observation.question
            env.reset(dataset="leg_counting", seed=42)
            assert env.step(ReasoningGymAction(answer="100")).reward == 1.0


def test_an_image_plays_the_game_of_its_setting(echo_image: str) -> None:
    image = _built("textarena_env")
    with container(image, "--health-interval=500ms", *STRICTLY, "--env=TEXTARENA_ENV_ID=TicTacToe-v0") as name:
        wait_for_health(name)
        with TextArenaEnv(base_url=published_url(name)).sync() as env:
            assert "Tic Tac Toe" in env.reset(seed=1).observation.prompt
            assert env.step(TextArenaAction(message="[4]")).observation.error == ""
            told = env.reset(env_id="Wordle-v0", seed=3)
            result = env.step(TextArenaAction(message="[crane]"))
            assert told.observation.wordle is not None
            assert result.observation.wordle is not None
            assert result.observation.wordle.guesses[0].marks == ["gray", "green", "green", "yellow", "gray"]
