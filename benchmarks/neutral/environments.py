"""The neutral environment in the ways there are to write one."""

import base64
import time
from typing import Any

import numpy as np

from benchmarks.neutral.models import Heard, Picture, Word
from openenv.core.env_server import Environment, Observation, State

__all__ = ["ENVIRONMENTS"]

_PIXELS = 262_144  # 1 MiB of float32


class SyncEnvironment(Environment[Word, Observation, State]):
    """Plain methods."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__()
        self._state = State()

    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Observation:
        """Begin an episode."""
        self._state = State(episode_id=episode_id)
        return Heard(text="ready")

    def step(self, action: Word, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        """Say the word back."""
        self._state.step_count += 1
        return Heard(text=action.text, length=len(action.text), reward=1.0)

    @property
    def state(self) -> State:
        """Return where the episode stands."""
        return self._state


class AsyncEnvironment(SyncEnvironment):
    """Coroutines."""

    async def reset_async(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Observation:
        """Begin an episode."""
        return SyncEnvironment.reset(self, seed=seed, episode_id=episode_id)

    async def step_async(self, action: Word, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        """Say the word back."""
        return SyncEnvironment.step(self, action)


class SleepingEnvironment(SyncEnvironment):
    """Plain methods that block for as long as the action says."""

    def step(self, action: Word, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        """Sleep."""
        time.sleep(action.sleep_s)
        return super().step(action)


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


ENVIRONMENTS: dict[str, type[SyncEnvironment]] = {
    "sync": SyncEnvironment,
    "async": AsyncEnvironment,
    "sleeping": SleepingEnvironment,
    "picture": PictureEnvironment,
    "picture-list": ListPictureEnvironment,
    "picture-text": TextPictureEnvironment,
}
