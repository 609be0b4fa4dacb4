"""What the reasoning-gym environment takes, and what it answers."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from openenv import Action, Observation, State

__all__ = ["DatasetShare", "Level", "ReasoningGymAction", "ReasoningGymObservation", "ReasoningGymState"]

# One for all attributes of a curriculum, or one for each that is named.
Level = int | dict[str, int]


class DatasetShare(BaseModel):
    """A dataset in a mix."""

    model_config = ConfigDict(extra="forbid")

    dataset: str = Field(description="The dataset's name.")
    weight: float = Field(default=1.0, gt=0, allow_inf_nan=False, description="How often it is asked from, relatively.")
    config: dict[str, Any] = Field(default_factory=dict, description="What its questions are made by.")
    level: Level | None = Field(default=None, description="The level of its curriculum, for each attribute or for all.")


class ReasoningGymAction(Action):
    """An answer."""

    answer: str = Field(
        max_length=65_536,
        description="The answer alone, or a text with it between <answer> and </answer>; the last such pair counts.",
    )


class ReasoningGymObservation(Observation):
    """A question, and how the last answer was scored."""

    question: str = Field(description="What is asked, with the form that the answer is to have.")
    instructions: str = Field(description="How to hand the answer in.")
    dataset: str = Field(description="The dataset that the question is from.")
    category: str = Field(description="The dataset's category, such as arithmetic or games.")
    difficulty: dict[str, Any] = Field(default_factory=dict, description="What makes the question as hard as it is.")
    score: float | None = Field(default=None, description="The dataset's score of the answer; null before one.")
    error: str = Field(default="", description="Why the answer could not be scored; empty if it was.")
    correct_answer: str | None = Field(
        default=None,
        description="The dataset's own answer, at the end of the episode; null where it has none.",
    )
    tries_left: int = Field(description="How many answers may still be given.")


class ReasoningGymState(State):
    """Where the episode stands. With the same dataset, seed, config and level, the same question is asked."""

    dataset: str = Field(default="", description="The dataset that the question is from.")
    seed: int = Field(default=0, description="What the question follows from.")
    config: dict[str, Any] = Field(default_factory=dict, description="What the reset gave of the dataset's config.")
    level: Level | None = Field(default=None, description="The level of the curriculum that the reset gave.")
    tries_left: int = Field(default=0, description="How many answers may still be given.")
