"""Questions of reasoning-gym's datasets, which another process makes and scores."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from reasoning_gym_env.models import DatasetShare, Level
from reasoning_gym_env.server.fork_server import fork_server

__all__ = ["Dataset", "Question", "catalogue", "make_question", "score_answer"]

_LISTING_S = 30.0
_MAKING_S = 30.0
_SCORING_S = 5.0
_OPENING, _CLOSING = "<answer>", "</answer>"


@dataclass(frozen=True)
class Dataset:
    """A dataset of reasoning-gym.

    Attributes:
        name: Its name.
        category: Its category.
        config: What its questions are made by, with the defaults.
        levels: How many levels each attribute of its curriculum has; empty where it has no curriculum.
    """

    name: str
    category: str
    config: dict[str, Any]
    levels: dict[str, int]


@dataclass(frozen=True)
class Question:
    """A question, and what an answer is scored by.

    Attributes:
        dataset: The name of its dataset.
        config: What was given of the dataset's config.
        level: The level of the curriculum that was given.
        seed: What it follows from.
        text: What is asked.
        answer: The dataset's own answer; `None` where it has no single one.
        difficulty: What makes it as hard as it is.
        entry: What the dataset scores answers by, which only the other process reads.
    """

    dataset: str
    config: dict[str, Any]
    level: Level | None
    seed: int
    text: str
    answer: str | None
    difficulty: dict[str, Any]
    entry: str


@cache
def catalogue() -> dict[str, Dataset]:
    """Return the datasets by their names.

    Raises:
        RequestFailedError: reasoning-gym could not be loaded.
    """
    told = fork_server().ask({"do": "catalogue"}, _LISTING_S)
    return {name: Dataset(name, **facts) for name, facts in told.items()}


def make_question(shares: Sequence[DatasetShare], seed: int) -> Question:
    """Make a question of one of some datasets.

    Args:
        shares: The datasets, with how often each is asked from.
        seed: What the dataset is chosen by, and the question made.

    Raises:
        ValueError: There is no such dataset, or its config cannot be.
        RequestFailedError: The dataset could not make one, or not in time.
    """
    [share] = random.Random(seed).choices(shares, [share.weight for share in shares])  # noqa: S311
    told = fork_server().ask({"do": "question", **_place(share.dataset, share.config, share.level, seed)}, _MAKING_S)
    text, answer, difficulty, entry = (told[key] for key in ("question", "answer", "difficulty", "entry"))
    return Question(share.dataset, share.config, share.level, seed, text, answer, difficulty, entry)


def score_answer(question: Question, text: str, timeout_s: float | None) -> float:
    """Return what a question's dataset gives for an answer.

    Args:
        question: The question.
        text: The answer, or a text with the answer between tags.
        timeout_s: How long it may take, in seconds; `None` for as long as is usual.

    Raises:
        RequestFailedError: The dataset could not score it, or not in time.
    """
    place = _place(question.dataset, question.config, question.level, question.seed)
    request = {"do": "score", **place, "entry": question.entry, "answer": _answer_in(text)}
    return float(fork_server().ask(request, min(timeout_s or _SCORING_S, _SCORING_S))["score"])


def _place(dataset: str, config: dict[str, Any], level: Level | None, seed: int) -> dict[str, Any]:
    return {"name": dataset, "config": config, "level": level, "seed": seed}


def _answer_in(text: str) -> str:
    """Return what stands between the last tags of an answer; all of the text where there are none."""
    before, closing, _ = text.rpartition(_CLOSING)
    opening = before.rfind(_OPENING)
    return text if not closing or opening < 0 else before[opening + len(_OPENING) :].strip()
