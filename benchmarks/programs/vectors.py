"""Step the neutral environment under gymnasium's AsyncVectorEnv or in Ray actors, for scale.

    python -m benchmarks.programs.vectors '{"way": "gymnasium", "seconds": 3, "sessions": 16}'

Prints what `benchmarks.programs.stepping` prints.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import gymnasium
import numpy as np

from benchmarks.neutral.environments import ENVIRONMENTS
from benchmarks.neutral.models import Word
from benchmarks.programs.stepping import repeated, times

_TEXT = "hello, environment"


class NeutralGym(gymnasium.Env[Any, Any]):
    """The neutral environment as gymnasium has it: the observation is the length of what came back."""

    observation_space = gymnasium.spaces.Box(0, 1000, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self) -> None:
        self._environment = ENVIRONMENTS["sync"]()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        self._environment.reset(seed=seed)
        return np.zeros(1, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Say the word."""
        heard: Any = self._environment.step(Word(text=_TEXT))
        return np.array([heard.length], np.float32), 1.0, False, False, {}


def _gymnasium(sessions: int, seconds: float) -> dict[str, float]:
    vector: Any = gymnasium.vector.AsyncVectorEnv([NeutralGym] * sessions)
    actions = np.zeros(sessions, np.int64)
    vector.reset()
    done = repeated(lambda: vector.step(actions), seconds)
    vector.close()
    return done


def _ray(sessions: int, seconds: float) -> dict[str, float]:
    import ray  # type: ignore[import-not-found]

    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        _node_ip_address="127.0.0.1",
    )
    actor: Any = ray.remote(num_cpus=0)(ENVIRONMENTS["sync"])
    actors = [actor.remote() for _ in range(sessions)]
    ray.get([one.reset.remote() for one in actors])
    word = Word(text=_TEXT)
    done = repeated(lambda: ray.get([one.step.remote(word) for one in actors]), seconds)
    ray.shutdown()
    return done


WAYS = {"gymnasium": _gymnasium, "ray": _ray}


def main() -> None:
    """Do what the first argument says."""
    order = json.loads(sys.argv[1])
    done = WAYS[order["way"]](order["sessions"], order["seconds"])
    print(json.dumps(times(done, order["sessions"])))


if __name__ == "__main__":
    main()
