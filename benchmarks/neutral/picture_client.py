"""The client of the environments whose observations are big."""

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.neutral.models import Picture, Word
from openenv.core.client_types import StepResult
from openenv.core.env_client import EnvClient
from openenv.core.env_server.types import State

__all__ = ["PictureClient"]


class PictureClient(EnvClient[Word, Picture, State]):
    """Talks to an environment that shows pictures, and has each as an array in the end, however it came."""

    def _step_payload(self, action: Word) -> dict[str, Any]:
        return {"text": action.text, "sleep_s": action.sleep_s}

    def _parse_result(self, payload: dict[str, Any]) -> StepResult[Picture]:
        reward, done = payload.get("reward"), payload.get("done", False)
        observation = payload.get("observation", {})
        picture = Picture(pixels=_array(observation["pixels"]), reward=reward, done=done)
        return StepResult(observation=picture, reward=reward, done=done)

    def _parse_state(self, payload: dict[str, Any]) -> State:
        return State(**payload)


def _array(pixels: Any) -> NDArray[np.float32]:
    if isinstance(pixels, str):
        return np.frombuffer(base64.b64decode(pixels), dtype=np.float32)
    return np.asarray(pixels, dtype=np.float32)
