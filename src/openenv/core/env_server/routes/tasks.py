"""`GET /tasks` and what is below it; and the routes for tasks that servers before 0.11 had."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.convertors import PathConvertor, register_url_convertor

from ...exceptions import InvalidRequestError
from ...wire.codec import decode, encode, strict_json
from ..environment_spec import validation_problem
from ..types import GetTaskRangeRequest, GetTaskRequest, ListTasksRequest, NumTasksRequest
from ._documents import json_body, refusals
from .http import error_response, read_object

if TYPE_CHECKING:
    from ..http_server import HTTPEnvServer

__all__ = ["Split", "SplitList", "SplitSize", "TaskAnswer", "TaskPage", "add_task_routes"]

_PAGE = 100
_LONGEST_PAGE = 1000
_RANGE = ("start", "stop")
_DIGITS = 15
_NUMBER = {"type": "integer", "minimum": 0, "maximum": 10**_DIGITS - 1}

_ModelT = TypeVar("_ModelT", bound=BaseModel)


class _Text(PathConvertor):
    """Any text at all: that of Starlette's own `path` ends at the end of a line."""

    regex = "(?s:.*)"


register_url_convertor("openenv_text", _Text())


class Split(BaseModel):
    """A split of an environment's tasks; environments may tell more of it.

    Attributes:
        name: Its name.
        type: What it is for: `train`, `validation` or `test`.
    """

    model_config = ConfigDict(extra="allow")

    name: str
    type: str


class SplitList(BaseModel):
    """The answer of `GET /tasks`.

    Attributes:
        splits: The splits.
    """

    splits: list[Split]


class SplitSize(BaseModel):
    """The answer of `GET /tasks/{split}/num_tasks`.

    Attributes:
        split: The split's name.
        num_tasks: How many tasks it has.
    """

    split: str
    num_tasks: int


class TaskAnswer(BaseModel):
    """The answer of `GET /tasks/{split}/{index}`.

    Attributes:
        split: The split's name.
        index: The task's number in it, from 0 on.
        task: The task, as the environment describes it.
    """

    split: str
    index: int
    task: Any


class TaskPage(BaseModel):
    """The answer of `GET /tasks/{split}`.

    Attributes:
        split: The split's name.
        start: The number of the first task here.
        tasks: The tasks, in order.
        next: The `start` of the next page; `None` where the split ends.
        num_tasks: How many tasks the split has.
    """

    split: str
    start: int
    tasks: list[Any]
    next: int | None
    num_tasks: int


def add_task_routes(app: FastAPI, environment_name: str) -> None:
    """Add the routes that tell of tasks to an application.

    Args:
        app: The application.
        environment_name: The name that the older routes begin with.
    """
    # A split's name may hold slashes, so those that end otherwise go first.
    for path, handler, model, parameters in (
        ("/tasks", _splits, SplitList, []),
        ("/tasks/{split:openenv_text}/num_tasks", _num_tasks, SplitSize, []),
        ("/tasks/{split:openenv_text}/{index:int}", _task, TaskAnswer, []),
        ("/tasks/{split:openenv_text}", _page, TaskPage, _RANGE_PARAMETERS),
    ):
        app.add_api_route(
            path,
            handler,
            methods=["GET"],
            tags=["Tasks"],
            response_model=model,
            responses=refusals(404, 422, 500, 504),
            openapi_extra={"parameters": parameters},
        )
    _add_older_routes(app, environment_name)


_RANGE_PARAMETERS: list[dict[str, Any]] = [
    {
        "name": "start",
        "in": "query",
        "required": False,
        "schema": {**_NUMBER, "default": 0},
        "description": "The number of the first task that is wanted.",
    },
    {
        "name": "stop",
        "in": "query",
        "required": False,
        "schema": _NUMBER,
        "description": f"The number after that of the last one; {_PAGE} tasks where left out, {_LONGEST_PAGE} at most.",
    },
]


async def _splits(request: Request) -> Response:
    """Return the splits of the environment's tasks."""
    return await _asked(request, _told(about="splits"))


async def _num_tasks(request: Request, split: str) -> Response:
    """Return how many tasks a split has."""
    return await _asked(request, _told(about="count", split=split))


async def _task(request: Request, split: str, index: int) -> Response:
    """Return a task."""
    return await _asked(request, _told(about="task", split=split, index=index))


async def _page(request: Request, split: str) -> Response:
    """Return a page of a split's tasks."""

    async def page(server: HTTPEnvServer) -> bytes:
        start, stop = _range(request)
        return await server.sessions.tasks.ask(about="page", split=split, start=start, stop=stop)

    return await _asked(request, page)


def _range(request: Request) -> tuple[int, int]:
    unknown = request.query_params.keys() - set(_RANGE)
    if unknown:
        raise InvalidRequestError(f"a page of tasks takes start and stop, got {', '.join(sorted(unknown))} too")
    given = {name: request.query_params[name] for name in _RANGE if name in request.query_params}
    for name, text in given.items():
        if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
            raise InvalidRequestError(f"expected a whole number >= 0 as {name}, got {text[:80]!r}")
    start = int(given.get("start", 0))
    return start, min(int(given.get("stop", start + _PAGE)), start + _LONGEST_PAGE)


_Answer = Callable[["HTTPEnvServer"], Awaitable[bytes]]


def _told(**question: object) -> _Answer:
    async def ask(server: HTTPEnvServer) -> bytes:
        return await server.sessions.tasks.ask(**question)

    return ask


async def _asked(request: Request, ask: _Answer) -> Response:
    server: HTTPEnvServer = request.app.state.openenv
    try:
        answer = await ask(server)
    except Exception as exc:  # noqa: BLE001 - the boundary: told to the client, and logged there
        return error_response(exc, with_traceback=not server.settings.hide_tracebacks)
    return Response(strict_json(answer), media_type="application/json")


# -- as servers before 0.11 had it -------------------------------------------------------------------------------------


def _add_older_routes(app: FastAPI, name: str) -> None:
    responses = refusals(404, 422, 500, 504)
    # Braces would make a parameter of it.
    prefix = "/" + name.replace("{", "").replace("}", "")
    app.add_api_route(f"{prefix}/splits", _older_splits, methods=["GET"], tags=["Tasks"], responses=responses)
    for path, handler, model in (
        (f"{prefix}/tasks", _older_tasks, ListTasksRequest),
        (f"{prefix}/num_tasks", _older_num_tasks, NumTasksRequest),
        (f"{prefix}/task", _older_task, GetTaskRequest),
        (f"{prefix}/task_range", _older_task_range, GetTaskRangeRequest),
    ):
        body = json_body(model.model_json_schema(), required=True)
        app.add_api_route(
            path,
            handler,
            methods=["POST"],
            tags=["Tasks"],
            responses=responses,
            openapi_extra={"requestBody": body},
        )


async def _older_splits(request: Request) -> Response:
    """Return the splits of an environment's tasks."""

    async def splits(server: HTTPEnvServer) -> bytes:
        return encode(decode(await server.sessions.tasks.ask(about="splits"))["splits"])

    return await _asked(request, splits)


async def _older_tasks(request: Request) -> Response:
    """Return all tasks of a split."""

    async def tasks(server: HTTPEnvServer) -> bytes:
        asked = await _body(request, server, ListTasksRequest)
        answer = decode(await server.sessions.tasks.ask(about="tasks", split=asked.split))
        return encode({**answer, "env_name": server.spec.name})

    return await _asked(request, tasks)


async def _older_num_tasks(request: Request) -> Response:
    """Return how many tasks a split has."""

    async def num_tasks(server: HTTPEnvServer) -> bytes:
        asked = await _body(request, server, NumTasksRequest)
        answer = decode(await server.sessions.tasks.ask(about="count", split=asked.split))
        return encode({"num_tasks": answer["num_tasks"]})

    return await _asked(request, num_tasks)


async def _older_task(request: Request) -> Response:
    """Return a task."""

    async def task(server: HTTPEnvServer) -> bytes:
        asked = await _body(request, server, GetTaskRequest)
        answer = decode(await server.sessions.tasks.ask(about="task", split=asked.split, index=asked.index))
        return encode({"task": answer["task"]})

    return await _asked(request, task)


async def _older_task_range(request: Request) -> Response:
    """Return the tasks of a split from `start` up to, not including, `stop`."""

    async def task_range(server: HTTPEnvServer) -> bytes:
        asked = await _body(request, server, GetTaskRangeRequest)
        return await server.sessions.tasks.ask(about="tasks", split=asked.split, start=asked.start, stop=asked.stop)

    return await _asked(request, task_range)


async def _body(request: Request, server: HTTPEnvServer, model: type[_ModelT]) -> _ModelT:
    data = await read_object(request, server.settings)
    try:
        return model.model_validate(data)
    except ValidationError as exc:
        raise validation_problem(exc, f"the fields of {model.__name__}") from exc
