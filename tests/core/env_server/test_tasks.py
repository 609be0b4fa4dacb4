from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from openenv.core.env_server.environment_spec import EnvironmentSpec, ResetArguments
from openenv.core.env_server.sessions import SessionManager
from openenv.core.env_server.settings import ServerSettings
from openenv.core.env_server.tasks import EnvironmentTasks
from openenv.core.exceptions import (
    EnvironmentFactoryError,
    InvalidRequestError,
    StepTimeoutError,
    TaskNotFoundError,
)
from openenv.core.generic_client import GenericEnvClient
from openenv.core.wire.codec import decode
from tests.core.driving import Drive, both_kinds
from tests.core.quiz import QUESTIONS, AsyncQuiz, ByClass, Countable, Quiz, Ranged


async def here(function: Callable[..., Any], *args: Any) -> Any:
    result = function(*args)
    return await result if isinstance(result, Awaitable) else result


def asked(provider: object, question: Callable[[EnvironmentTasks], Any]) -> Any:
    return asyncio.run(question(EnvironmentTasks(provider, here)))


@pytest.mark.parametrize("kind", [Quiz, AsyncQuiz, Ranged], ids=lambda kind: kind.__name__)
def test_what_is_not_defined_follows_from_what_is(kind: type[Any]) -> None:
    class Plain(kind):  # type: ignore[misc]
        def __init__(self) -> None:
            pass

    def text(task: Any) -> Any:
        return task["text"] if isinstance(task, dict) else task

    env = Plain()
    assert asked(env, lambda tasks: tasks.count("train")) == 250
    assert text(asked(env, lambda tasks: tasks.task("train", 7))) == "q7"
    some = asked(env, lambda tasks: tasks.some("train", 247, 260))
    assert list(map(text, some)) == ["q247", "q248", "q249"]
    assert list(map(text, asked(env, lambda tasks: tasks.some("train", -2)))) == ["q248", "q249"]
    assert list(map(text, asked(env, lambda tasks: tasks.some("train")))) == QUESTIONS["train"]
    assert asked(env, lambda tasks: tasks.some("train", 5, 5)) == []
    for index in (-1, 250):
        with pytest.raises(
            TaskNotFoundError, match=f"no task {index} in the split 'train' of Plain, whose indices are 0"
        ):
            asked(env, lambda tasks, index=index: tasks.task("train", index))  # type: ignore[misc]


def test_tasks_that_are_made_one_by_one() -> None:
    def letters(tasks: list[Any]) -> str:
        return "".join(task["text"] for task in tasks)

    assert letters(asked(Countable(), lambda tasks: tasks.some("dev", 1, 3))) == "bc"
    assert letters(asked(Countable(), lambda tasks: tasks.some("dev", -2))) == "de"
    assert letters(asked(Countable(), lambda tasks: tasks.some("dev", 3, 99))) == "de"


def test_splits_are_named_or_described() -> None:
    assert asked(Countable(), lambda tasks: tasks.splits()) == [
        {"name": "dev", "type": "validation", "language": "en"},
        {"name": "test", "type": "test"},
    ]
    described = Countable()
    described.list_splits = lambda: [SimpleNamespace(name="a", type="train"), 7]  # type: ignore[method-assign]
    assert asked(described, lambda tasks: tasks.splits()) == [
        {"name": "a", "type": "train"},
        {"name": "7", "type": "validation"},
    ]
    assert [split["type"] for split in asked(ByClass, lambda tasks: tasks.splits())] == ["train"]


def test_a_split_that_is_not_there_and_one_that_is_empty() -> None:
    class Plain(Quiz):
        def __init__(self) -> None:
            pass

    with pytest.raises(TaskNotFoundError, match="no split 'dev' in Plain: its splits are 'train', 'en/test', 'none'"):
        asked(Plain(), lambda tasks: tasks.count("dev"))
    with pytest.raises(TaskNotFoundError, match="no task 0 in the split 'none' of Plain, which has none"):
        asked(Plain(), lambda tasks: tasks.task("none", 0))


def test_a_split_that_came_later_is_found() -> None:
    class Growing(Countable):
        splits: tuple[str, ...] = ("a",)

        def list_splits(self) -> Any:
            return self.splits

    async def grow(tasks: EnvironmentTasks) -> int:
        await tasks.count("a")
        Growing.splits = ("a", "b")
        return await tasks.count("b")

    assert asked(Growing(), grow) == 5


def test_an_environment_without_tasks() -> None:
    with pytest.raises(
        TaskNotFoundError, match=r"object has no tasks: .* defines list_splits, and either list_tasks, or"
    ):
        asked(object(), lambda tasks: tasks.splits())
    with pytest.raises(TaskNotFoundError, match="has no tasks"):
        asked(object(), lambda tasks: tasks.task("train", 0))


@pytest.mark.parametrize(
    ("returned", "question", "told"),
    [
        ({"list_splits": None}, "splits", "list_splits must return a list, got NoneType"),
        ({"list_splits": "train"}, "splits", "list_splits must return a list, got str"),
        ({"list_splits": 3}, "splits", "list_splits must return a list, got int"),
        ({"num_tasks": "5"}, "count", "num_tasks must return a whole number, got str"),
    ],
)
def test_what_methods_return_is_checked(returned: dict[str, Any], question: str, told: str) -> None:
    env = Countable()
    for name, value in returned.items():
        setattr(env, name, lambda *_, value=value: value)

    with pytest.raises(TypeError, match=told):
        asked(env, lambda tasks: getattr(tasks, question)(*(["dev"] if question == "count" else [])))


def test_an_error_of_the_environments_own_stays_one() -> None:
    env = Countable()

    def get_task(split: str, index: int) -> Any:
        raise LookupError("no file")

    env.get_task = get_task  # type: ignore[method-assign]

    with pytest.raises(LookupError, match="no file"):
        asked(env, lambda tasks: tasks.task("dev", 0))
    with pytest.raises(TaskNotFoundError, match="whose indices are 0 to 4") as caught:
        asked(env, lambda tasks: tasks.task("dev", 5))
    assert isinstance(caught.value.__cause__, LookupError)


# -- the desk ----------------------------------------------------------------------------------------------------------


def managed(kind: type[Any], play: Callable[[SessionManager], Any], **settings: Any) -> Any:
    async def run() -> Any:
        manager = SessionManager(EnvironmentSpec.of(kind), max_sessions=1, settings=ServerSettings(**settings))
        try:
            return await play(manager)
        finally:
            await manager.close_all()

    return asyncio.run(run())


def test_one_instance_answers_and_takes_no_session() -> None:
    async def play(manager: SessionManager) -> None:
        await manager.open()
        answers = await asyncio.gather(*(manager.tasks.ask(about="task", split="train", index=n) for n in range(8)))
        assert [decode(answer)["task"]["text"] for answer in answers] == QUESTIONS["train"][:8]
        assert manager.capacity.active_sessions == 1
        assert len(Quiz.made) == 2

    managed(Quiz, play)
    assert Quiz.made == []


def test_a_class_that_knows_its_tasks_needs_no_instance() -> None:
    async def play(manager: SessionManager) -> None:
        answer = decode(await manager.tasks.ask(about="page", split="train", start=0, stop=2))
        assert answer == {"split": "train", "start": 0, "tasks": ["q0", "q1"], "next": 2, "num_tasks": 250}
        with pytest.raises(EnvironmentFactoryError, match="no display"):
            await manager.open()

    managed(ByClass, play)


def test_tasks_are_not_asked_for_on_the_event_loop() -> None:
    async def play(manager: SessionManager) -> Any:
        return decode(await manager.tasks.ask(about="task", split="dev", index=0))["task"]

    assert managed(Countable, play) == {"text": "a", "thread": False}


def test_an_answer_that_does_not_come_leaves_the_next_one_to_another_instance() -> None:
    begun, let = threading.Event(), threading.Event()

    class Hanging(Quiz):
        def list_splits(self) -> Any:
            if not begun.is_set():
                begun.set()
                let.wait()
            return super().list_splits()

    async def play(manager: SessionManager) -> None:
        asking = asyncio.ensure_future(manager.tasks.ask(about="splits"))
        await asyncio.to_thread(begun.wait)
        # As the deadline does, only that this needs no clock.
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert len(decode(await manager.tasks.ask(about="splits"))["splits"]) == 3
        let.set()

    managed(Hanging, play)
    assert Quiz.made == []


def test_there_is_a_deadline() -> None:
    let = threading.Event()

    class Hanging(Quiz):
        def list_splits(self) -> Any:
            let.wait()

    async def play(manager: SessionManager) -> None:
        with pytest.raises(StepTimeoutError, match=r"did not end within 0\.05 s"):
            await manager.tasks.ask(about="splits")
        let.set()

    managed(Hanging, play, step_timeout_s=0.05)
    assert Quiz.made == []


def test_a_question_that_is_none() -> None:
    async def play(manager: SessionManager) -> None:
        with pytest.raises(InvalidRequestError, match="expected one of splits, count, task, tasks, page as about"):
            await manager.tasks.ask(about="weather")

    managed(Quiz, play)


# -- a reset that begins one -------------------------------------------------------------------------------------------


@both_kinds
def test_a_reset_is_given_the_task_that_split_and_index_stand_for(drive: Drive) -> None:
    with drive(GenericEnvClient.from_environment(Quiz)) as env:
        assert env.reset(split="en/test", index=1, seed=3).observation["text"] == "t1"
        assert env.reset(task={"text": "mine"}).observation["text"] == "mine"
        assert env.reset().observation["text"] == "any"
        with pytest.raises(
            TaskNotFoundError, match="no task 3 in the split 'en/test' of Quiz, whose indices are 0 to 2"
        ):
            env.reset(split="en/test", index=3)
        with pytest.raises(TaskNotFoundError, match="no split 'dev' in Quiz"):
            env.reset(split="dev", index=0)
    with drive(GenericEnvClient.from_environment(AsyncQuiz)) as env:
        assert env.reset(split="train", index=7, level=2).observation["text"] == "q7 {'level': 2}"


@both_kinds
def test_a_reset_that_takes_anything_is_given_split_and_index(drive: Drive) -> None:
    with drive(GenericEnvClient.from_environment(Countable)) as env:
        assert env.reset(split="dev", index=1).observation["text"] == "{'split': 'dev', 'index': 1}"


class Both(Quiz):
    def reset(  # type: ignore[override]
        self, split: str | None = None, index: int | None = None, task: Any = None
    ) -> Any:
        return self._shown(split=split, index=index, task=task)

    def _shown(self, **arguments: Any) -> Any:
        return Quiz.reset(self, task={"text": str(arguments)})


class Blind(Quiz):
    def reset(self, seed: int | None = None) -> Any:  # type: ignore[override]
        return Quiz.reset(self)


def test_a_reset_that_names_all_three_is_given_all_three() -> None:
    with GenericEnvClient.from_environment(Both).sync() as env:
        text = env.reset(split="none", index=None).observation["text"]
        assert text == "{'split': 'none', 'index': None, 'task': None}"
        text = env.reset(split="none", index=0, task="mine").observation["text"]
        assert text == "{'split': 'none', 'index': 0, 'task': 'mine'}"
        text = env.reset(split="en/test", index=0).observation["text"]
        assert text == "{'split': 'en/test', 'index': 0, 'task': {'text': 't0', 'split': 'en/test'}}"


@pytest.mark.parametrize(
    ("kind", "arguments", "told"),
    [
        (Quiz, {"split": "train"}, "reset of Quiz takes split and index together: got split alone"),
        (Quiz, {"index": 0}, "reset of Quiz takes split and index together: got index alone"),
        (Quiz, {"split": "train", "index": -1}, "index: Input should be greater than or equal to 0, got -1"),
        (Quiz, {"split": "train", "index": True}, "index: Input should be a whole number, not a truth value"),
        (Quiz, {"split": 3, "index": 0}, "split: Input should be a valid string, got 3"),
        (
            Quiz,
            {"split": "train", "index": 0, "task": {}},
            "takes a task, or split and index in its place: got task and",
        ),
        (AsyncQuiz, {}, "reset of AsyncQuiz needs a task: give task, or split and index"),
        (Blind, {"split": "train", "index": 0}, "does not take 'split', 'index': .* has to name an argument task"),
    ],
)
def test_resets_that_are_refused(kind: type[Any], arguments: dict[str, Any], told: str) -> None:
    with (
        GenericEnvClient.from_environment(kind).sync() as env,
        pytest.raises(InvalidRequestError, match=told) as caught,
    ):
        env.reset(**arguments)
    assert not isinstance(caught.value, TaskNotFoundError)


def test_the_schema_tells_how_a_task_is_picked() -> None:
    schema = ResetArguments.of(AsyncQuiz).json_schema()

    assert schema["properties"]["index"]["anyOf"] == [{"type": "integer", "minimum": 0}, {"type": "null"}]
    assert schema.get("required", []) == []
    assert ResetArguments.of(Quiz).names == ["seed", "episode_id", "task", "split", "index"]
    assert ResetArguments.of(Blind).names == ["seed", "episode_id"]
