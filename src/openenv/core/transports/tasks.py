"""The ways to an environment's tasks: they take no session."""

from __future__ import annotations

import asyncio
import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from .._http import HttpAnswer, fetch
from .._own_thread import in_own_thread
from ..exceptions import AuthenticationError, ProtocolError, TaskNotFoundError
from ..utils import convert_to_ws_url
from ..wire.codec import decode
from ..wire.errors import exception_from
from .base import TransportSettings

if TYPE_CHECKING:
    from ..env_server.environment_spec import EnvironmentSpec
    from ..env_server.runner import Runner
    from ..env_server.sessions import SessionManager

__all__ = ["HttpTaskLine", "TaskLine", "task_line"]

_HTTP = {"ws": "http", "wss": "https"}


class TaskLine(ABC):
    """A way to ask about an environment's tasks."""

    @abstractmethod
    async def splits(self) -> list[dict[str, Any]]:
        """Return the splits, each with `name` and `type`.

        Raises:
            TaskNotFoundError: The environment has no tasks.
            OpenEnvError: It could not be asked.
        """

    @abstractmethod
    async def count(self, split: str) -> int:
        """Return how many tasks a split has."""

    @abstractmethod
    async def task(self, split: str, index: int) -> Any:
        """Return a task."""

    @abstractmethod
    async def page(self, split: str, start: int, stop: int) -> list[Any]:
        """Return tasks from `start` on, before `stop`: as many as one answer holds."""

    async def close(self) -> None:  # noqa: B027 - most ways need nothing
        """Give back what the way needs."""


def task_line(spec: EnvironmentSpec | None, settings: TransportSettings, *, is_blocking: bool) -> TaskLine:
    """Return the way to an environment's tasks.

    Args:
        spec: The environment, where it runs in this process.
        settings: How its server is reached, where it has one.
        is_blocking: Whether coroutines must never suspend.
    """
    if spec is None:
        return HttpTaskLine(settings, is_blocking=is_blocking)
    return _BlockingInProcess(spec) if is_blocking else _InProcess(spec)


class HttpTaskLine(TaskLine):
    """Asks a server over plain HTTP."""

    def __init__(self, settings: TransportSettings, *, is_blocking: bool) -> None:
        """Make a way to a server.

        Args:
            settings: How it is reached.
            is_blocking: Whether coroutines must never suspend.
        """
        scheme, _, rest = convert_to_ws_url(settings.base_url).partition("://")
        self._url = f"{_HTTP[scheme]}://{rest}"
        self._settings = settings
        self._is_blocking = is_blocking
        # The path before the routes that servers before 0.11 have; `None` for one that has `/tasks`.
        self._older: str | None = None

    async def splits(self) -> list[dict[str, Any]]:
        """Return the splits."""
        if self._older is None:
            answer = await self._fetch("/tasks")
            if not _is_older(answer):
                splits: list[dict[str, Any]] = self._field(answer, "splits")
                return splits
        told: list[dict[str, Any]] = _told(await self._fetch(f"{await self._older_prefix()}/splits"), self._url)
        return told

    async def count(self, split: str) -> int:
        """Return how many tasks a split has."""
        return int(await self._either("num_tasks", f"{_path(split)}/num_tasks", "num_tasks", {"split": split}))

    async def task(self, split: str, index: int) -> Any:
        """Return a task."""
        return await self._either("task", f"{_path(split)}/{index}", "task", {"split": split, "index": index})

    async def page(self, split: str, start: int, stop: int) -> list[Any]:
        """Return tasks from `start` on."""
        wanted = {"start": start, "stop": stop}
        path, body = f"{_path(split)}?{urlencode(wanted)}", {"split": split, **wanted}
        tasks: list[Any] = await self._either("tasks", path, "task_range", body)
        return tasks

    async def _either(self, field: str, path: str, older: str, body: dict[str, object]) -> Any:
        """Return a field of the answer to a question, in the form that the server knows."""
        if self._older is None:
            answer = await self._fetch(path)
            if not _is_older(answer):
                return self._field(answer, field)
        return self._field(await self._fetch(f"{await self._older_prefix()}/{older}", body), field)

    def _field(self, answer: HttpAnswer, name: str) -> Any:
        told = _told(answer, self._url)
        if not isinstance(told, dict) or name not in told:
            raise ProtocolError(f"expected {name} from {self._url}, got {told!r:.80}: is it an OpenEnv server?")
        return told[name]

    async def _older_prefix(self) -> str:
        if self._older is None:
            names = _told(await self._fetch("/list_environments"), self._url)
            if not isinstance(names, list) or not names:
                raise ProtocolError(f"expected the names of environments from {self._url}, got {names!r:.80}")
            self._older = f"/{quote(str(names[0]), safe='')}"
        return self._older

    async def _fetch(self, path: str, body: dict[str, object] | None = None) -> HttpAnswer:
        def ask() -> HttpAnswer:
            return fetch(
                self._url + path,
                body=None if body is None else json.dumps(body).encode(),
                headers=self._settings.headers,
                timeout_s=self._settings.message_timeout_s,
                max_bytes=self._settings.max_message_bytes,
            )

        return ask() if self._is_blocking else await in_own_thread(ask)


def _path(split: str) -> str:
    return f"/tasks/{quote(split)}"


def _is_older(answer: HttpAnswer) -> bool:
    """Return whether a server does not know the route, rather than what was asked for."""
    return answer.status == 404 and not isinstance(_detail(answer), dict)


def _detail(answer: HttpAnswer) -> Any:
    try:
        told = decode(answer.body)
    except ValueError:
        return None
    return told.get("detail") if isinstance(told, dict) else None


def _told(answer: HttpAnswer, url: str) -> Any:
    """Return what an answer tells.

    Raises:
        OpenEnvError: It tells of an error.
    """
    if answer.status == 200:
        try:
            return decode(answer.body)
        except ValueError as exc:
            raise ProtocolError(f"{url} answered by something other than JSON: is it an OpenEnv server?") from exc
    detail = _detail(answer)
    if answer.status in {401, 403}:
        advice = "pass auth_token=…, or set OPENENV_AUTH_TOKEN to its token"
        raise AuthenticationError(f"{url} is answered by HTTP status {answer.status}: {advice}", status=answer.status)
    if isinstance(detail, dict):
        raise exception_from(detail)
    if answer.status in {400, 404, 501}:
        raise TaskNotFoundError(f"{url} has no such tasks: {detail!r:.200}")
    raise ProtocolError(f"{url} is answered by HTTP status {answer.status}: {detail!r:.200}")


class _Asked(TaskLine):
    """Asks an environment in this process."""

    @abstractmethod
    async def _ask(self, **question: object) -> Any:
        """Return the answer to a question; see `env_server.tasks.answer_of`."""

    async def splits(self) -> list[dict[str, Any]]:
        splits: list[dict[str, Any]] = (await self._ask(about="splits"))["splits"]
        return splits

    async def count(self, split: str) -> int:
        return int((await self._ask(about="count", split=split))["num_tasks"])

    async def task(self, split: str, index: int) -> Any:
        return (await self._ask(about="task", split=split, index=index))["task"]

    async def page(self, split: str, start: int, stop: int) -> list[Any]:
        tasks: list[Any] = (await self._ask(about="tasks", split=split, start=start, stop=stop))["tasks"]
        return tasks


class _InProcess(_Asked):
    """Asks it on threads, or on the running event loop."""

    def __init__(self, spec: EnvironmentSpec) -> None:
        self._spec = spec
        self._manager: SessionManager | None = None

    async def _ask(self, **question: object) -> Any:
        if self._manager is None:
            from ..env_server.sessions import SessionManager

            self._manager = SessionManager(self._spec, max_sessions=1)
        manager = self._manager
        return await _as_client(lambda: manager.tasks.ask(**question))

    async def close(self) -> None:
        manager, self._manager = self._manager, None
        if manager is not None:
            await manager.close_all()


class _BlockingInProcess(_Asked):
    """Asks it in the calling thread."""

    def __init__(self, spec: EnvironmentSpec) -> None:
        self._spec = spec
        self._runner: Runner | None = None
        # Threads may share a client.
        self._turn = threading.RLock()

    async def _ask(self, **question: object) -> Any:
        with self._turn:
            return await _as_client(lambda: self._answer(question))

    async def _answer(self, question: dict[str, object]) -> bytes:
        from ..env_server.execution import InlinePlace
        from ..env_server.runner import LocalRunner
        from ..env_server.task_desk import ClassRunner
        from ..wire.frames import Request, RequestKind

        if self._runner is None:
            self._runner = ClassRunner.of(self._spec, InlinePlace) or await LocalRunner.inline(self._spec)
        return (await self._runner.answer(Request(RequestKind.TASKS, question))).data

    async def close(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.close()


async def _as_client(ask: Callable[[], Any]) -> Any:
    """Return an answer as a server's client would get it.

    Raises:
        OpenEnvError: The question was refused, or the environment raised.
    """
    from .inprocess import told

    try:
        return decode(await ask())
    except asyncio.CancelledError:
        raise
    except Exception as exc:
        raise told(exc) from exc
