# ruff: noqa: UP045  # typed as published code is
# mypy: disable-error-code="type-arg, misc, no-any-return"

from typing import Any, Optional
from uuid import uuid4

from openenv.core.env_server.base_transforms import CompositeTransform, NullTransform
from openenv.core.env_server.interfaces import Environment, Transform
from openenv.core.env_server.types import EnvironmentMetadata, Observation

try:
    from ..models import GridAction, GridObservation, GridState
except ImportError:
    from models import GridAction, GridObservation, GridState  # type: ignore[import-not-found,no-redef]

STEPS = {"left": (-1, 0), "right": (1, 0), "up": (0, 1), "down": (0, -1)}


class Reward(Transform):
    """Gives one point at the goal and takes a little for every other step."""

    def __call__(self, observation: Observation) -> Observation:
        observation.reward = 1.0 if observation.done else -0.1
        return observation


class GridEnvironment(Environment):
    """A walk on a square grid."""

    SUPPORTS_CONCURRENT_SESSIONS: bool = True

    def __init__(self, size: int = 3, transform: Optional[Transform] = None) -> None:
        super().__init__(transform=transform or CompositeTransform([NullTransform(), Reward()]))
        self.size = size
        self._place = (0, 0)
        self._state = GridState(episode_id=str(uuid4()), step_count=0)

    def reset(
        self,
        seed: Optional[int] = None,
        episode_id: Optional[str] = None,
        goal: Optional[list[int]] = None,
        **kwargs: Any,
    ) -> GridObservation:
        self._place = (0, 0)
        self._state = GridState(episode_id=episode_id or str(uuid4()), step_count=0, goal=goal or [2, 0])
        self._reset_rubric()
        return self._look(note=f"seed {seed}")

    def step(self, action: GridAction, timeout_s: Optional[float] = None, **kwargs: Any) -> GridObservation:
        across, along = STEPS[action.direction]
        place = (self._place[0] + across * action.squares, self._place[1] + along * action.squares)
        if not all(0 <= part < self.size for part in place):
            raise ValueError(f"{action.direction} leads off the grid from {list(self._place)}")
        self._place = place
        self._state.step_count += 1
        return self._apply_transform(self._look())

    def _look(self, note: Optional[str] = None) -> GridObservation:
        across, along = self._place
        legal = {"left": across > 0, "right": across < self.size - 1, "up": along < self.size - 1, "down": along > 0}
        done = list(self._place) == self._state.goal
        return GridObservation(position=[across, along], legal=legal, note=note, done=done)

    @property
    def state(self) -> GridState:
        return self._state

    def get_metadata(self) -> EnvironmentMetadata:
        return EnvironmentMetadata(name="Grid", description="A walk on a grid", version="2.1.0", author="Someone")

    def close(self) -> None:
        self._place = (0, 0)
