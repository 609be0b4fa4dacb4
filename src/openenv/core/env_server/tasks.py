"""What an environment's tasks are asked for, and what follows where it defines only some of the methods."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ..exceptions import InvalidRequestError, TaskNotFoundError
from ..wire.codec import encode
from ..wire.frames import ErrorCode, JsonObject

__all__ = ["EnvironmentTasks", "answer_of", "can_look_up", "needs_no_instance"]

_METHODS = ("list_splits", "list_tasks", "num_tasks", "get_task", "get_task_range")
_LOOK_UPS = ("get_task", "get_task_range", "list_tasks")
_SPLIT_TYPES = ("train", "test")
_OTHER_SPLIT = "validation"


def can_look_up(provider: object) -> bool:
    """Return whether an environment, or its class, has a method by which one of its tasks can be found."""
    return any(callable(getattr(provider, name, None)) for name in _LOOK_UPS)


def needs_no_instance(environment_class: type) -> bool:
    """Return whether a class has tasks, and all methods that tell of them can be called on the class itself."""
    written = [inspect.getattr_static(environment_class, name, None) for name in _METHODS]
    defined = [method for method in written if method is not None]
    return bool(defined) and all(isinstance(method, (staticmethod, classmethod)) for method in defined)


class EnvironmentTasks:
    """Asks an environment for its tasks, wherever its code runs."""

    def __init__(self, provider: object, run: Callable[..., Awaitable[Any]]) -> None:
        """Make what asks.

        Args:
            provider: The environment, or its class.
            run: Calls a function, or a coroutine function, in the environment's place.
        """
        self._provider = provider
        self._run = run
        self._names: tuple[str, ...] = ()

    async def splits(self) -> list[dict[str, Any]]:
        """Return the splits: `name`, `type` (`train`, `validation` or `test`), and what else the environment tells.

        Raises:
            TaskNotFoundError: The environment has no tasks.
        """
        listed = self._method("list_splits")
        if listed is None:
            raise self._no_tasks()
        splits = [_split(given) for given in _listed(await self._run(listed), self._told("list_splits"))]
        self._names = tuple(split["name"] for split in splits)
        return splits

    async def count(self, split: str) -> int:
        """Return how many tasks a split has.

        Raises:
            TaskNotFoundError: There is no such split.
        """
        await self._check(split)
        counted = self._method("num_tasks")
        if counted is None:
            return len(await self._all(split))
        number = await self._run(counted, split)
        if isinstance(number, bool) or not isinstance(number, int):
            raise TypeError(f"{self._told('num_tasks')} must return a whole number, got {type(number).__name__}")
        return number

    async def task(self, split: str, index: int) -> Any:
        """Return a task.

        Raises:
            TaskNotFoundError: There is no such split, or no such task in it.
        """
        await self._check(split)
        found = self._method("get_task")
        if found is None:
            tasks = await self.some(split, index, index + 1) if index >= 0 else []
            if not tasks:
                raise self._no_task(split, index, await self.count(split))
            return tasks[0]
        if index < 0:
            raise self._no_task(split, index, await self.count(split))
        try:
            return await self._run(found, split, index)
        except Exception as exc:  # whatever an environment raises of an index that it does not have
            if isinstance(exc, TaskNotFoundError) or not self._can_count():
                raise
            count = await self.count(split)
            if index < count:
                raise
            raise self._no_task(split, index, count) from exc

    async def some(self, split: str, start: int | None = None, stop: int | None = None) -> list[Any]:
        """Return the tasks of a split from `start` up to, not including, `stop`; negative numbers count from its end.

        Raises:
            TaskNotFoundError: There is no such split.
        """
        await self._check(split)
        ranged, found = self._method("get_task_range"), self._method("get_task")
        if ranged is None and self._method("list_tasks") is not None:
            return (await self._all(split))[start:stop]
        if ranged is not None and start is None and stop is None:
            return await self._all(split)
        # Counted first: what an environment does beyond the end is its own affair.
        first, last, _ = slice(start, stop).indices(await self.count(split))
        if ranged is not None:
            told = self._told("get_task_range")
            return _listed(await self._run(ranged, split, first, last), told) if first < last else []
        if found is None:
            raise self._no_tasks()
        return [await self._run(found, split, index) for index in range(first, last)]

    async def _all(self, split: str) -> list[Any]:
        for name, arguments in (("list_tasks", ()), ("get_task_range", (None, None))):
            listed = self._method(name)
            if listed is not None:
                return _listed(await self._run(listed, split, *arguments), self._told(name))
        raise self._no_tasks()

    async def _check(self, split: str) -> None:
        """Make sure that there is a split; the names are asked for once, and once more before one is refused."""
        if self._method("list_splits") is None or split in self._names:
            return
        if split not in {each["name"] for each in await self.splits()}:
            known = ", ".join(map(repr, self._names)) or "none"
            raise _not_found(f"no split {split!r} in {self._owner}: its splits are {known}")

    def _can_count(self) -> bool:
        return any(self._method(name) is not None for name in ("num_tasks", "list_tasks", "get_task_range"))

    def _method(self, name: str) -> Callable[..., Any] | None:
        method = getattr(self._provider, name, None)
        return method if callable(method) else None

    @property
    def _owner(self) -> str:
        return self._provider.__name__ if isinstance(self._provider, type) else type(self._provider).__name__

    def _told(self, method: str) -> str:
        return f"{self._owner}.{method}"

    def _no_tasks(self) -> TaskNotFoundError:
        return _not_found(
            f"{self._owner} has no tasks: an environment with tasks defines list_splits, and either list_tasks, or "
            f"num_tasks and get_task"
        )

    def _no_task(self, split: str, index: int, count: int) -> TaskNotFoundError:
        are = f"whose indices are 0 to {count - 1}" if count else "which has none"
        return _not_found(f"no task {index} in the split {split!r} of {self._owner}, {are}")


def _not_found(message: str) -> TaskNotFoundError:
    return TaskNotFoundError(message, code=ErrorCode.VALIDATION_ERROR.value)


def _listed(value: Any, method: str) -> list[Any]:
    if isinstance(value, (str, bytes, Mapping)):
        raise TypeError(f"{method} must return a list, got {type(value).__name__}")
    try:
        return list(value)
    except TypeError:
        raise TypeError(f"{method} must return a list, got {type(value).__name__}") from None


def _split(given: Any) -> dict[str, Any]:
    """Return what is told of a split, which an environment names, or describes in a mapping or an object."""
    if isinstance(given, str):
        told: dict[str, Any] = {"name": given}
    elif isinstance(given, Mapping):
        told = dict(given)
    elif hasattr(given, "name"):
        told = {"name": given.name, "type": getattr(given, "type", None)}
    else:
        told = {"name": given}
    name = str(told.get("name"))
    return {**told, "name": name, "type": told.get("type") or (name if name in _SPLIT_TYPES else _OTHER_SPLIT)}


async def answer_of(tasks: EnvironmentTasks, asked: Mapping[str, object]) -> bytes:
    """Return the answer to a question about tasks, as JSON.

    Args:
        tasks: The tasks.
        asked: The question: what is wanted, in `about` (`splits`, `count`, `task`, `tasks` or `page`), and `split`,
            `index`, `start` and `stop` as far as that takes them.

    Raises:
        TaskNotFoundError: There is no such split or task.
        InvalidRequestError: It is no question about tasks.
    """
    about = str(asked.get("about"))
    if about not in _ANSWERS:
        raise InvalidRequestError(f"expected one of {', '.join(_ANSWERS)} as about, got {about!r}")
    return encode(await _ANSWERS[about](tasks, asked))


async def _splits(tasks: EnvironmentTasks, _: Mapping[str, Any]) -> JsonObject:
    return {"splits": await tasks.splits()}


async def _count(tasks: EnvironmentTasks, asked: Mapping[str, Any]) -> JsonObject:
    return {"split": asked["split"], "num_tasks": await tasks.count(asked["split"])}


async def _task(tasks: EnvironmentTasks, asked: Mapping[str, Any]) -> JsonObject:
    split, index = asked["split"], asked["index"]
    return {"split": split, "index": index, "task": await tasks.task(split, index)}


async def _some(tasks: EnvironmentTasks, asked: Mapping[str, Any]) -> JsonObject:
    return {"tasks": await tasks.some(asked["split"], asked.get("start"), asked.get("stop"))}


async def _page(tasks: EnvironmentTasks, asked: Mapping[str, Any]) -> JsonObject:
    split, start = asked["split"], asked["start"]
    count = await tasks.count(split)
    stop = min(asked["stop"], count)
    found = await tasks.some(split, start, stop) if start < stop else []
    following = max(start, stop) if max(start, stop) < count else None
    return {"split": split, "start": start, "tasks": found, "next": following, "num_tasks": count}


_ANSWERS: dict[str, Callable[[EnvironmentTasks, Mapping[str, Any]], Awaitable[JsonObject]]] = {
    "splits": _splits,
    "count": _count,
    "task": _task,
    "tasks": _some,
    "page": _page,
}
