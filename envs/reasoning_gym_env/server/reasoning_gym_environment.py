"""The reasoning-gym environment itself."""

import random
from typing import Annotated, Any
from uuid import uuid4

from pydantic import Field

from openenv import Environment, tool
from reasoning_gym_env.models import (
    DatasetShare,
    Level,
    ReasoningGymAction,
    ReasoningGymObservation,
    ReasoningGymState,
)
from reasoning_gym_env.server.fork_server import RequestFailedError, fork_server
from reasoning_gym_env.server.questions import Question, catalogue, make_question, score_answer
from reasoning_gym_env.server.rewards import DatasetScore
from reasoning_gym_env.server.tasks import count_tasks, splits, task_at

__all__ = ["ReasoningGymEnvironment"]

_INSTRUCTIONS = (
    "Reason as long as you like, then give the final answer alone between <answer> and </answer>, in the form that "
    "the question asks for."
)
_MOST_SEED = 2**32


class ReasoningGymEnvironment(Environment[ReasoningGymAction, ReasoningGymObservation, ReasoningGymState]):
    """Asks a question of one of reasoning-gym's datasets, and has the dataset score the answer."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__(rubric=DatasetScore())
        self._question: Question | None = None
        self._state = ReasoningGymState()
        self._is_over = True
        # Loading begins while the server does.
        fork_server()

    @staticmethod
    def list_splits() -> list[dict[str, str]]:
        """Return `train` and `test`, and both of each dataset, such as `train/leg_counting`."""
        return splits()

    @staticmethod
    def num_tasks(split: str) -> int:
        """Return how many questions a split has."""
        return count_tasks(split)

    @staticmethod
    def get_task(split: str, index: int) -> dict[str, Any]:
        """Return the dataset and the seed of a question."""
        return task_at(split, index)

    def reset(
        self,
        seed: int | None = None,
        episode_id: str | None = None,
        dataset: str | None = None,
        config: dict[str, Any] | None = None,
        level: Level | None = None,
        mix: Annotated[list[DatasetShare], Field(min_length=1)] | None = None,
        tries: Annotated[int, Field(ge=1, le=100)] = 1,
        task: dict[str, Any] | None = None,
    ) -> ReasoningGymObservation:
        """Ask a question.

        Args:
            seed: What it follows from; `None` for chance, which the state tells. A task has its own.
            episode_id: The episode's name; `None` to choose one.
            dataset: The dataset's name; by default any of them.
            config: What the dataset makes questions by, where it is not to be the default.
            level: The level of the dataset's curriculum: for all of its attributes, or for those that are named.
            mix: Datasets to choose from, each with a weight, a config and a level of its own, in place of `dataset`.
            tries: How many answers may be given. The episode ends with the last, or with one that scores 1.
            task: A task, as `get_task` has it, in place of `seed`, `dataset` and `mix`.

        Raises:
            ValueError: There is no such dataset, its config cannot be, or too much is given.
        """
        if task is not None:
            if (dataset, mix) != (None, None):
                raise ValueError("expected a task, or dataset or mix, got both: leave one of them out")
            seed, dataset = _dataset_and_seed(task)
        shares = _shares(dataset, config, level, mix)
        self._question = make_question(shares, random.randrange(_MOST_SEED) if seed is None else seed)  # noqa: S311
        self._is_over = False
        self._reset_rubric()
        self._state = ReasoningGymState(
            episode_id=episode_id or uuid4().hex,
            dataset=self._question.dataset,
            seed=self._question.seed,
            config=self._question.config,
            level=self._question.level,
            tries_left=tries,
        )
        return self._observation(self._question)

    def step(self, action: ReasoningGymAction, timeout_s: float | None = None) -> ReasoningGymObservation:
        """Score an answer.

        Raises:
            RuntimeError: No episode has begun, or it is over.
        """
        if self._question is None or self._is_over:
            raise RuntimeError("no question is asked: reset asks one")
        self._state.step_count += 1
        self._state.tries_left -= 1
        score, error = 0.0, ""
        try:
            score = score_answer(self._question, action.answer, timeout_s)
        except RequestFailedError as failure:
            error = f"the answer could not be scored: {failure}"
        self._is_over = score >= 1 or not self._state.tries_left
        observation = self._observation(self._question)
        observation.score, observation.error, observation.done = score, error, self._is_over
        if self._is_over:
            observation.correct_answer = self._question.answer
        observation.reward = self._apply_rubric(action, observation)
        return observation

    @property
    def state(self) -> ReasoningGymState:
        """Return where the episode stands."""
        return self._state

    @tool
    def list_datasets(self) -> dict[str, list[str]]:
        """Return the names of the datasets by category."""
        listed: dict[str, list[str]] = {}
        for dataset in catalogue().values():
            listed.setdefault(dataset.category, []).append(dataset.name)
        return listed

    @tool
    def describe_dataset(self, dataset: str) -> dict[str, Any]:
        """Return a dataset's category, its config with the defaults, and how many levels its curriculum has.

        Args:
            dataset: Its name.
        """
        found = catalogue().get(dataset)
        if found is None:
            raise ValueError(f"expected the name of a dataset, got {dataset!r}: list_datasets has them")
        return {"category": found.category, "config": found.config, "levels": found.levels}

    def _observation(self, question: Question) -> ReasoningGymObservation:
        return ReasoningGymObservation(
            question=question.text,
            instructions=_INSTRUCTIONS,
            dataset=question.dataset,
            category=catalogue()[question.dataset].category,
            difficulty=question.difficulty,
            tries_left=self._state.tries_left,
        )


def _shares(
    dataset: str | None, config: dict[str, Any] | None, level: Level | None, mix: list[DatasetShare] | None
) -> list[DatasetShare]:
    if mix is not None:
        if (dataset, config, level) != (None, None, None):
            raise ValueError("expected dataset, config and level in the parts of mix, got them beside it: move them")
        return mix
    if dataset is None:
        if (config, level) != (None, None):
            raise ValueError("expected a dataset with the config or level, got none: say which dataset they are for")
        return [DatasetShare(dataset=name) for name in catalogue()]
    return [DatasetShare(dataset=dataset, config=config or {}, level=level)]


def _dataset_and_seed(task: dict[str, Any]) -> tuple[int, str]:
    seed, dataset = task.get("seed"), task.get("dataset")
    if not isinstance(seed, int) or not isinstance(dataset, str):
        raise ValueError(f"expected task as get_task has it, with dataset and seed; got {task!r}")
    return seed, dataset
