"""What each kind of request does to an environment, and the answers that tell of it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from types import CoroutineType, TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from ..exceptions import EnvironmentExecutionError, EnvironmentFactoryError, InvalidRequestError, OpenEnvError
from ..wire.codec import decode, encode, encode_model, encode_observation
from ..wire.content import holds_binary
from ..wire.errors import environment_traceback, error_fields, is_environments_own, mark_as_environments_own
from ..wire.frames import Answer, AnswerKind, JsonObject, Request, RequestKind
from . import json_rpc
from ._wire_model import FROM_WIRE
from .access.policy import not_allowed
from .environment_spec import validation_problem
from .execution import awaited
from .mcp_types import CallToolAction, ListToolsAction
from .observability import logs
from .tasks import answer_of
from .tool_calls import tool_observation
from .types import Action, Observation, State

if TYPE_CHECKING:
    from .interfaces import Environment
    from .runner import LocalRunner

__all__ = ["answer", "error_answer", "is_one_call", "perform", "perform_awaiting"]

_logger = logs.server_logger(__name__)

_ActT = TypeVar("_ActT", bound=Action)

# What plays no episode.
_NEVER_REFUSED = frozenset({RequestKind.MCP, RequestKind.TASKS})

_Plan = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


async def answer(runner: LocalRunner, request: Request) -> Answer:
    """Return an environment's answer to a request.

    Raises:
        OpenEnvError: The request was refused.
        Exception: Whatever the environment raised.
    """
    _check_mode(runner, request)
    if request.kind is RequestKind.TASKS:
        return Answer(AnswerKind.TASKS, await answer_of(runner.tasks, request.data))
    if request.kind is RequestKind.RESET:
        return _told(runner, request, await _reset(runner, request.data))
    if request.kind is RequestKind.MCP:
        return Answer(AnswerKind.MCP, encode(await json_rpc.answer(runner, request.data)))
    if (model := _tool_model(runner, request)) is not None:
        return _told(runner, request, await tool_observation(runner, _valid(model, request.data)))
    function, args, kwargs = _planned(runner, request)
    return _told(runner, request, await runner.run(function, *args, **kwargs))


def is_one_call(runner: LocalRunner, request: Request) -> bool:
    """Return whether a request takes one call of a method of the environment, and nothing else of it."""
    kind = request.kind
    if kind is RequestKind.STEP:
        return runner.action_has_type or (runner.tool_action is None and "type" not in request.data)
    if kind is RequestKind.RESET:
        return not runner.reset_arguments.names_task(request.data)
    return kind is RequestKind.STATE


def perform(runner: LocalRunner, request: Request) -> Answer | Coroutine[Any, Any, Answer]:
    """Return an environment's answer to a request that takes one call, made here.

    Returns:
        The answer; or where the method turns out to be a coroutine function, what gives the answer on an event loop.

    Raises:
        OpenEnvError: The request was refused.
        Exception: Whatever the environment raised.
    """
    if runner.plays_nothing:
        _check_mode(runner, request)
    function, args, kwargs = _planned(runner, request)
    try:
        result = function(*args, **kwargs)
    except OpenEnvError as exc:
        mark_as_environments_own(exc)
        raise
    if type(result) is CoroutineType:
        return perform_awaiting(runner, request, result)
    return _told(runner, request, result)


async def perform_awaiting(
    runner: LocalRunner, request: Request, calling: Coroutine[Any, Any, Any] | None = None
) -> Answer:
    """Return an environment's answer to a request that takes one call of a coroutine function, made here.

    Args:
        runner: What runs the environment.
        request: The request.
        calling: The call, where it has been made.

    Raises:
        OpenEnvError: The request was refused.
        Exception: Whatever the environment raised.
    """
    if calling is None:
        _check_mode(runner, request)
        function, args, kwargs = _planned(runner, request)
        calling = function(*args, **kwargs)
    try:
        result = await awaited(calling)
    except OpenEnvError as exc:
        mark_as_environments_own(exc)
        raise
    return _told(runner, request, result)


def _check_mode(runner: LocalRunner, request: Request) -> None:
    if runner.plays_nothing and request.kind not in _NEVER_REFUSED:
        raise not_allowed(request.kind.value)


async def _reset(runner: LocalRunner, data: JsonObject) -> object:
    arguments = runner.reset_arguments.validate(data)
    if runner.reset_arguments.names_task(data):
        arguments["task"] = await runner.tasks.task(str(data["split"]), int(data["index"]))  # type: ignore[call-overload]
    return await runner.run(runner.reset_method, **arguments)


def _planned(runner: LocalRunner, request: Request) -> _Plan:
    """Return the call that a request takes."""
    if request.kind is RequestKind.STEP:
        action = _valid(runner.spec.action, request.data)
        if runner.step_takes_timeout:
            return runner.step_method, (action,), {"timeout_s": request.timeout_s}
        return runner.step_method, (action,), {}
    if request.kind is RequestKind.RESET:
        return runner.reset_method, (), runner.reset_arguments.validate(request.data)
    return _state_of, (runner.environment,), {}


def _told(runner: LocalRunner, request: Request, result: object) -> Answer:
    if isinstance(result, Observation) and request.kind is not RequestKind.STATE:
        return Answer(AnswerKind.OBSERVATION, encode_observation(result, binary=request.takes_binary))
    if isinstance(result, State) and request.kind is RequestKind.STATE:
        return Answer(AnswerKind.STATE, encode_model(result))
    name, method = type(runner.environment).__name__, request.kind.value
    if request.kind is RequestKind.STATE:
        raise TypeError(f"{name}.{method} must be a State, got {type(result).__name__}")
    fields = ": reward, done and metadata are fields of it" if isinstance(result, tuple) else ""
    raise TypeError(f"{name}.{method} must return an Observation, got {type(result).__name__}{fields}")


def error_answer(exc: BaseException, *, session_id: str = "", with_traceback: bool = True) -> Answer:
    """Return the answer that tells of an exception; what an environment raised is logged too."""
    own = is_environments_own(exc)
    about = {"session_id": session_id}
    if isinstance(exc, EnvironmentExecutionError) and not own:
        # Raised in a process of the session's own, and told from there.
        told = exc.remote_traceback.rstrip() or exc.message
        _logger.error(
            "session %s: the environment raised %s\n%s", session_id or "(new)", exc.remote_type, told, extra=about
        )
    elif own or isinstance(exc, EnvironmentFactoryError):
        _logger.error(
            "session %s: the environment raised %s",
            session_id or "(new)",
            type(exc).__name__,
            exc_info=_logged(exc),
            extra=about,
        )
    return Answer(AnswerKind.ERROR, encode(error_fields(exc, with_traceback=with_traceback)))


def _logged(exc: BaseException) -> tuple[type[BaseException], BaseException, TracebackType | None]:
    return type(exc), exc, environment_traceback(exc)


def _valid(model: type[_ActT], data: JsonObject) -> _ActT:
    try:
        return model.__pydantic_validator__.validate_python(data, context=FROM_WIRE)  # type: ignore[no-any-return]
    except ValidationError as exc:
        if holds_binary(data):
            # The model may want lists where the client had arrays.
            return _valid(model, decode(encode(data)))
        raise validation_problem(exc, f"the fields of {model.__name__}") from exc
    except RecursionError as exc:
        raise InvalidRequestError(f"the action is nested too deep for {model.__name__}") from exc


def _tool_model(runner: LocalRunner, request: Request) -> type[CallToolAction | ListToolsAction] | None:
    """Return the model of a step that is a tool call; such a step says so in `type`."""
    if request.kind is not RequestKind.STEP or runner.action_has_type:
        return None
    declared = runner.tool_action
    match request.data.get("type"):
        case "list_tools":
            return ListToolsAction
        case "call_tool":
            return declared if declared is not None and issubclass(declared, CallToolAction) else CallToolAction
    return declared


def _state_of(environment: Environment[Any, Any, Any]) -> object:
    return environment.state
