"""Environments with tasks, in the ways in which authors write them."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, ClassVar

from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import Action, Observation, State

__all__ = ["Answer", "AsyncQuiz", "ByClass", "Countable", "Question", "Quiz", "Ranged"]

QUESTIONS = {"train": [f"q{n}" for n in range(250)], "en/test": ["t0", "t1", "t2"], "none": []}


class Answer(Action):
    text: str = ""


class Question(Observation):
    text: str = ""


class Quiz(Environment[Answer, Question, State]):
    """Has its tasks in a list."""

    SUPPORTS_CONCURRENT_SESSIONS = True
    made: ClassVar[list[object]] = []

    def __init__(self) -> None:
        type(self).made.append(self)

    def list_splits(self) -> Any:
        return list(QUESTIONS)

    def list_tasks(self, split: str) -> Any:
        return [{"text": text, "split": split} for text in QUESTIONS[split]]

    def reset(
        self, seed: int | None = None, episode_id: str | None = None, task: dict[str, Any] | None = None
    ) -> Question:
        return Question(text=task["text"] if task else "any")

    def step(self, action: Answer, timeout_s: float | None = None, **kwargs: Any) -> Question:
        return Question(done=True)

    @property
    def state(self) -> State:
        return State()

    def close(self) -> None:
        type(self).made.remove(self)


class _Asked(Environment[Answer, Question, State]):
    """Shows the arguments of its resets."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Question:
        return Question(text=str(kwargs))

    def step(self, action: Answer, timeout_s: float | None = None, **kwargs: Any) -> Question:
        return Question()

    @property
    def state(self) -> State:
        return State()


class Countable(_Asked):
    """Makes its tasks one by one, and never waits otherwise."""

    NON_BLOCKING = True

    def list_splits(self) -> Any:
        return [{"name": "dev", "type": "validation", "language": "en"}, {"name": "test"}]

    def num_tasks(self, split: str) -> Any:
        return 5

    def get_task(self, split: str, index: int) -> Any:
        return {"text": "abcde"[index], "thread": threading.current_thread() is threading.main_thread()}


class Ranged(_Asked):
    """Gives its tasks in ranges alone."""

    def list_splits(self) -> Any:
        return ["train"]

    def get_task_range(self, split: str, start: int | None = None, stop: int | None = None) -> Any:
        return QUESTIONS["train"][start:stop]


class AsyncQuiz(Quiz):
    """Does all of it on the event loop."""

    async def list_splits(self) -> Any:
        await asyncio.sleep(0)
        return super().list_splits()

    async def num_tasks(self, split: str) -> int:
        await asyncio.sleep(0)
        return len(QUESTIONS[split])

    async def get_task(self, split: str, index: int) -> Any:
        await asyncio.sleep(0)
        return super().list_tasks(split)[index]

    async def reset_async(  # type: ignore[override]
        self, seed: int | None = None, *, task: dict[str, Any], **kwargs: Any
    ) -> Question:
        await asyncio.sleep(0)
        return Question(text=f"{task['text']} {kwargs}")


class ByClass(_Asked):
    """Tells of its tasks without an instance, which is dear."""

    def __init__(self) -> None:
        raise OSError("no display")

    @classmethod
    def list_splits(cls) -> Any:
        return ["train"]

    @staticmethod
    def list_tasks(split: str) -> Any:
        return QUESTIONS[split]
