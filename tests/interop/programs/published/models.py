# ruff: noqa: UP006, UP035, UP045  # typed as published code is

from typing import Dict, List, Literal, Optional

from pydantic import Field, field_validator

from openenv.core.env_server.types import Action, Observation, State

Direction = Literal["left", "right", "up", "down"]


class GridAction(Action):
    """A walk of one or more squares."""

    direction: Direction = Field(..., description="Which way to go")
    squares: int = Field(default=1, ge=1, le=3, description="How far")

    @field_validator("direction", mode="before")
    @classmethod
    def lower(cls, value: str) -> str:
        return value.lower()


class GridObservation(Observation):
    """Where the walker stands."""

    position: List[int] = Field(default_factory=list)
    legal: Dict[str, bool] = Field(default_factory=dict)
    note: Optional[str] = None


class GridState(State):
    """Where the walker stands, with what it does not see."""

    goal: List[int] = Field(default_factory=list)
