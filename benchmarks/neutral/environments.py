"""The neutral environment in the ways there are to write one."""

import time
from typing import Any

from benchmarks.neutral.models import Heard, Word
from openenv.core.env_server import Environment, Observation, State

__all__ = ["ENVIRONMENTS", "SyncEnvironment"]


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


class NonBlockingEnvironment(SyncEnvironment):
    """Plain methods that say that they never wait; openenv 0.10.0 does not listen, and runs them on threads."""

    NON_BLOCKING = True


class SleepingEnvironment(SyncEnvironment):
    """Plain methods that block for as long as the action says."""

    def step(self, action: Word, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        """Sleep."""
        time.sleep(action.sleep_s)
        return super().step(action)


ENVIRONMENTS: dict[str, type[SyncEnvironment]] = {
    "sync": SyncEnvironment,
    "async": AsyncEnvironment,
    "non-blocking": NonBlockingEnvironment,
    "sleeping": SleepingEnvironment,
}
