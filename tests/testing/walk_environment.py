"""An environment that passes every check, for faults to be planted in."""

from __future__ import annotations

import random
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from openenv import EnvClient, Environment, State, tool
from openenv.core.env_server.types import Action, Observation

__all__ = ["LONGEST", "Place", "TaskedWalk", "Walk", "WalkAction", "WalkClient", "WalkObservation"]

LONGEST = 6


class WalkAction(Action):
    """Some steps to the left or to the right."""

    steps: int = Field(ge=-3, le=3, description="How many, to the left where it is below nought.")


class WalkObservation(Observation):
    """Where one stands."""

    position: int = Field(description="Where one stands.")
    target: int = Field(description="Where one wants to be.")


class Place(State):
    """Where a walk stands."""

    position: int = 0


class Walk(Environment[WalkAction, WalkObservation, Place]):
    """Walks along a line to a place that follows from the seed."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__()
        self.current = Place()
        self.target = 0

    def reset(self, seed: int | None = None, episode_id: str | None = None) -> WalkObservation:
        self.target = random.Random(seed).randint(20, 40)
        self.current = Place(episode_id=episode_id)
        return self.seen()

    def step(self, action: WalkAction, timeout_s: float | None = None) -> WalkObservation:
        self.current.step_count += 1
        if self.current.step_count <= LONGEST:
            self.current.position += action.steps
        return self.seen()

    def seen(self) -> WalkObservation:
        place, is_over = self.current.position, self.current.step_count >= LONGEST
        return WalkObservation(
            position=place, target=self.target, reward=float(-abs(self.target - place)), done=is_over
        )

    @property
    def state(self) -> Place:
        return self.current

    @tool
    def look(self, direction: Literal["left", "right"], distance: Annotated[int, Field(ge=1, le=9)]) -> dict[str, Any]:
        """Look along the line.

        Args:
            direction: Which way.
            distance: How far.
        """
        return {"seen": self.current.position + (distance if direction == "right" else -distance)}


class TaskedWalk(Walk):
    """Walks along a line to a place that a task may name."""

    targets: ClassVar[dict[str, list[int]]] = {"short": [5, 7, 9], "none": []}

    def list_splits(self) -> list[str]:
        return list(self.targets)

    def list_tasks(self, split: str) -> list[dict[str, int]]:
        return [{"target": target} for target in self.targets[split]]

    def reset(
        self, seed: int | None = None, episode_id: str | None = None, task: dict[str, int] | None = None
    ) -> WalkObservation:
        super().reset(seed, episode_id)
        self.target = task["target"] if task else self.target
        return self.seen()


class WalkClient(EnvClient[WalkAction, WalkObservation, Place]):
    """Walks."""
