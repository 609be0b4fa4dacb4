"""What the tests of rubrics share: rubrics that give what they are told, and observations that end an episode."""

from __future__ import annotations

import asyncio
from typing import Any

from openenv.core.env_server.types import Observation
from openenv.core.rubrics import Rubric

GOING_ON = Observation()
ENDED = Observation(done=True)


class Given(Rubric):
    """Gives what it was made with, and counts how often."""

    def __init__(self, score: Any) -> None:
        # Like the rubrics of many authors it does not call its base's constructor.
        self.score = score
        self.calls = 0

    def forward(self, action: Any, observation: Any) -> Any:
        self.calls += 1
        return self.score


class Awaited(Rubric):
    """Gives it asynchronously, when it is let."""

    def __init__(self, score: float, let: asyncio.Event | None = None) -> None:
        self.score = score
        self.let = let
        self.began = asyncio.Event()
        self.was_cancelled = False

    async def forward(self, action: Any, observation: Any) -> float:
        self.began.set()
        try:
            if self.let is not None:
                await self.let.wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        return self.score


async def ask(rubric: Any, action: Any = None, observation: Any = GOING_ON) -> Any:
    return await rubric(action, observation)
