"""What clients ask about tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .exceptions import ClientClosedError

if TYPE_CHECKING:
    from .env_server.environment_spec import EnvironmentSpec
    from .task_view import TaskView
    from .transports.base import TransportSettings
    from .transports.tasks import TaskLine

__all__ = ["ClientTasks"]


class ClientTasks:
    """The part of a client that asks about tasks, for which it needs no session."""

    _spec: EnvironmentSpec | None
    _settings: TransportSettings
    _is_blocking: bool
    _is_closed: bool
    _task_line: TaskLine | None = None

    async def splits(self) -> list[str]:
        """Return the names of the splits of the environment's tasks. Takes no session, and needs none.

        Raises:
            TaskNotFoundError: The environment has no tasks.
            OpenEnvError: It could not be asked.
        """
        return [str(split["name"]) for split in await self._tasks_of().splits()]

    def tasks(self, split: str) -> TaskView:
        """Return the tasks of a split, which are fetched when they are looked at. Takes no session, and needs none.

        `await tasks.size()`, `await tasks[0]`, `await tasks[10:20]` and `async for task in tasks` ask the environment;
        with `.sync()` it is a sequence. `reset(split=…, index=…)` begins an episode of one.

        Args:
            split: The split's name, one of `splits()`.
        """
        from .task_view import TaskView

        return TaskView(self._tasks_of(), split)

    def _tasks_of(self) -> TaskLine:
        if self._is_closed:
            raise ClientClosedError(f"this {type(self).__name__} was closed: make a new one")
        if self._task_line is None:
            from .transports.tasks import task_line

            self._task_line = task_line(self._spec, self._settings, is_blocking=self._is_blocking)
        return self._task_line

    async def _close_tasks(self) -> None:
        line, self._task_line = self._task_line, None
        if line is not None:
            await line.close()
