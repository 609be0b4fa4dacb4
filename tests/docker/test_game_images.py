"""The images of the environments that play Gymnasium and OpenSpiel."""

from __future__ import annotations

import numpy as np
import pytest

from gymnasium_env import GymnasiumAction, GymnasiumEnv
from openspiel_env import OpenSpielAction, OpenSpielEnv
from scripts.build_image import build_environment
from tests.docker.commands import container, inspect, published_url, wait_for_health
from tests.docs.pages import ROOT

SOON = "--health-interval=500ms"
STRICTLY = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--memory=512m"]
MOST_BYTES_ABOVE_BASE = 150_000_000

pytestmark = pytest.mark.timeout(300)


def _built(name: str, extra: str = "") -> str:
    """Return the name of an environment's image, built from this checkout."""
    tag = f"openenv-{name.replace('_', '-')}{extra and f':{extra}'}"
    build_environment(ROOT / "envs" / name, tag, extra)
    return tag


def _own_bytes(image: str) -> int:
    base = f"openenv-base-{image.removeprefix('openenv-').replace(':', '-')}"
    return int(inspect("image", image)["Size"]) - int(inspect("image", base)["Size"])


def test_an_image_plays_atari_and_draws_frames(echo_image: str) -> None:
    image = _built("gymnasium_env", extra="atari")
    assert _own_bytes(image) < MOST_BYTES_ABOVE_BASE

    with container(image, SOON, *STRICTLY, "--env=GYMNASIUM_ID=ALE/Pong-v5", "--env=GYMNASIUM_ALLOWED=*") as name:
        wait_for_health(name)
        with GymnasiumEnv(base_url=published_url(name)).sync() as env:
            assert env.reset(seed=1).observation.observation.shape == (210, 160, 3)
            assert env.step(GymnasiumAction(action=2)).reward == 0.0
            env.reset(seed=1, id="CartPole-v1")
            seen = env.step(GymnasiumAction(action=1, render="array")).observation
            assert (seen.frame.shape, seen.observation.dtype) == ((400, 600, 3), np.float32)


def test_an_image_plays_games_against_opponents(echo_image: str) -> None:
    image = _built("openspiel_env")
    assert _own_bytes(image) < MOST_BYTES_ABOVE_BASE

    with container(image, SOON, *STRICTLY, "--env=OPENSPIEL_GAME=tic_tac_toe") as name:
        wait_for_health(name)
        with OpenSpielEnv(base_url=published_url(name)).sync() as env:
            for policy in ("minimax", "mcts", "random"):
                result = env.reset(seed=1, opponent_policy=policy)
                while not result.done:
                    result = env.step(OpenSpielAction(action_id=result.observation.legal_actions[0]))
                assert sum(result.observation.returns) == 0.0
