"""The neutral environments whose observations are big, apart from the others, which do without numpy."""

import base64
from typing import Any

import numpy as np

from benchmarks.neutral.environments import SyncEnvironment
from benchmarks.neutral.models import Picture, Word
from openenv.core.env_server import Observation

__all__ = ["PICTURES"]

_PIXELS = 262_144  # 1 MiB of float32


class PictureEnvironment(SyncEnvironment):
    """Shows a new array of float32, 1 MiB of it, at every step."""

    def __init__(self) -> None:
        super().__init__()
        self._pixels = np.random.default_rng(0).random(_PIXELS, dtype=np.float32)

    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Observation:
        """Begin an episode."""
        super().reset(seed, episode_id)
        return Picture(pixels=self._shown())

    def step(self, action: Word, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        """Show the array."""
        self._state.step_count += 1
        self._pixels = np.roll(self._pixels, 1)
        return Picture(pixels=self._shown(), reward=1.0)

    def _shown(self) -> object:
        return self._pixels


class ListPictureEnvironment(PictureEnvironment):
    """Shows the array as a list of numbers, which JSON has."""

    def _shown(self) -> object:
        return self._pixels.tolist()


class TextPictureEnvironment(PictureEnvironment):
    """Shows the array as base64, which is what authors in a hurry make of it by hand."""

    def _shown(self) -> object:
        return base64.b64encode(self._pixels.tobytes()).decode()


PICTURES: dict[str, type[SyncEnvironment]] = {
    "picture": PictureEnvironment,
    "picture-list": ListPictureEnvironment,
    "picture-text": TextPictureEnvironment,
}
