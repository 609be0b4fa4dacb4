"""The tasks of a split, as a client sees them: fetched when they are looked at."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from typing import Any, overload

from ._driving import drive
from .exceptions import InvalidRequestError, TaskNotFoundError
from .transports.tasks import TaskLine

__all__ = ["SyncTaskView", "TaskView"]

_PAGE = 100


class TaskView:
    """The tasks of a split. Nothing is fetched before it is asked for, and iterating fetches page after page.

        tasks = env.tasks("train")
        first, last = await tasks[0], await tasks[-1]
        some = await tasks[10:20]
        async for task in tasks: ...

    Attributes:
        split: The split's name.
    """

    def __init__(self, line: TaskLine, split: str) -> None:
        """Make a view of a split.

        Args:
            line: The way to the environment's tasks.
            split: The split's name.
        """
        self.split = split
        self._line = line
        self._size: int | None = None

    async def size(self) -> int:
        """Return how many tasks there are; asked for once.

        Raises:
            TaskNotFoundError: There is no such split.
            OpenEnvError: The environment could not be asked.
        """
        if self._size is None:
            self._size = await self._line.count(self.split)
        return self._size

    @overload
    def __getitem__(self, key: int) -> Awaitable[Any]: ...
    @overload
    def __getitem__(self, key: slice) -> Awaitable[list[Any]]: ...
    def __getitem__(self, key: int | slice) -> Awaitable[Any]:
        """Return an awaitable of a task, or for a slice of a list of tasks.

        Raises:
            InvalidRequestError: The key is neither a number nor a slice.
        """
        if isinstance(key, slice):
            return self._some(key)
        if isinstance(key, bool) or not isinstance(key, int):
            raise InvalidRequestError(f"expected a number or a slice as the index of a task, got {key!r:.80}")
        return self._one(key)

    async def _one(self, index: int) -> Any:
        """Return a task.

        Raises:
            TaskNotFoundError: There is none of that index, or no such split.
        """
        if index >= 0:
            return await self._line.task(self.split, index)
        size = await self.size()
        if index < -size:
            raise TaskNotFoundError(f"no task {index} in the split {self.split!r}, which has {size}")
        return await self._line.task(self.split, size + index)

    async def _some(self, key: slice) -> list[Any]:
        wanted = range(*key.indices(await self.size()))
        if not wanted:
            return []
        first, last = min(wanted[0], wanted[-1]), max(wanted[0], wanted[-1])
        found: list[Any] = []
        while first + len(found) <= last:
            page = await self._line.page(self.split, first + len(found), last + 1)
            if not page:
                break
            found += page
        return [found[index - first] for index in wanted if index - first < len(found)]

    async def __aiter__(self) -> AsyncIterator[Any]:
        start = 0
        while page := await self._page(start):
            for task in page:
                yield task
            start += len(page)

    async def _page(self, start: int) -> list[Any]:
        size = await self.size()
        return await self._line.page(self.split, start, min(start + _PAGE, size)) if start < size else []

    def __repr__(self) -> str:
        size = "" if self._size is None else f", {self._size} tasks"
        return f"{type(self).__name__}({self.split!r}{size})"


class SyncTaskView(Sequence[Any]):
    """The tasks of a split, as a sequence: `len(tasks)`, `tasks[0]`, `tasks[10:20]`, `for task in tasks`.

    Nothing is fetched before it is asked for, and iterating fetches page after page.
    """

    def __init__(self, view: TaskView) -> None:
        """Take a view whose line never lets coroutines wait."""
        self._view = view

    @property
    def split(self) -> str:
        """Return the split's name."""
        return self._view.split

    def __len__(self) -> int:
        return drive(self._view.size())

    @overload
    def __getitem__(self, key: int) -> Any: ...
    @overload
    def __getitem__(self, key: slice) -> list[Any]: ...
    def __getitem__(self, key: int | slice) -> Any:
        """Return a task, or for a slice a list of tasks.

        Raises:
            TaskNotFoundError: There is none of that index, or no such split.
            InvalidRequestError: The key is neither a number nor a slice.
        """
        awaitable: Any = self._view[key]
        return drive(awaitable)

    def __iter__(self) -> Iterator[Any]:
        start = 0
        while page := drive(self._view._page(start)):
            yield from page
            start += len(page)

    def __repr__(self) -> str:
        return repr(self._view).replace("TaskView", "SyncTaskView", 1)
