"""What each kind of request does to a session: one function each, in a table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType

from pydantic import ValidationError

from ..exceptions import EnvironmentExecutionError, EnvironmentFactoryError, InvalidRequestError
from ..wire.codec import decode, encode, encode_model, encode_observation
from ..wire.content import holds_binary
from ..wire.errors import environment_traceback, error_fields, is_environments_own
from ..wire.frames import Answer, AnswerKind, JsonObject, Request, RequestKind
from . import json_rpc
from ._wire_model import FROM_WIRE
from .access.policy import not_allowed
from .environment_spec import validation_problem
from .mcp_types import CallToolAction, ListToolsAction
from .observability import logs
from .runner import LocalRunner
from .tool_calls import tool_observation
from .types import Action, Observation, ServerMode, State

__all__ = ["answer", "error_answer"]

_logger = logs.server_logger(__name__)

_Handler = Callable[[LocalRunner, Request], Awaitable[Answer]]


async def answer(runner: LocalRunner, request: Request) -> Answer:
    """Return an environment's answer to a request.

    Raises:
        OpenEnvError: The request was refused.
        Exception: Whatever the environment raised.
    """
    if runner.tool_mode == ServerMode.PRODUCTION.value and request.kind is not RequestKind.MCP:
        raise not_allowed(request.kind.value)
    return await _HANDLERS[request.kind](runner, request)


def error_answer(exc: Exception, *, session_id: str = "", with_traceback: bool = True) -> Answer:
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


def _logged(exc: Exception) -> tuple[type[Exception], Exception, TracebackType | None]:
    return type(exc), exc, environment_traceback(exc)


async def _reset(runner: LocalRunner, request: Request) -> Answer:
    arguments = runner.reset_arguments.validate(request.data)
    observation = await runner.reset(arguments)
    return _observed(runner, observation, request)


async def _step(runner: LocalRunner, request: Request) -> Answer:
    action = _action_of(runner, request.data)
    if isinstance(action, (CallToolAction, ListToolsAction)):
        observation = await tool_observation(runner, action)
    else:
        observation = await runner.step(action, request.timeout_s)
    return _observed(runner, observation, request)


async def _state(runner: LocalRunner, _request: Request) -> Answer:
    state = await runner.run(lambda: runner.environment.state)
    if not isinstance(state, State):
        raise TypeError(f"{_name(runner)}.state must be a State, got {type(state).__name__}")
    return Answer(AnswerKind.STATE, encode_model(state))


async def _mcp(runner: LocalRunner, request: Request) -> Answer:
    return Answer(AnswerKind.MCP, encode(await json_rpc.answer(runner, request.data)))


_HANDLERS: dict[RequestKind, _Handler] = {
    RequestKind.RESET: _reset,
    RequestKind.STEP: _step,
    RequestKind.STATE: _state,
    RequestKind.MCP: _mcp,
}


def _action_of(runner: LocalRunner, data: JsonObject) -> Action:
    model = _model_for(runner, data)
    try:
        return model.__pydantic_validator__.validate_python(data, context=FROM_WIRE)  # type: ignore[no-any-return]
    except ValidationError as exc:
        if holds_binary(data):
            # The model may want lists where the client had arrays.
            return _action_of(runner, decode(encode(data)))
        raise validation_problem(exc, f"the fields of {model.__name__}") from exc
    except RecursionError as exc:
        raise InvalidRequestError(f"the action is nested too deep for {model.__name__}") from exc


def _model_for(runner: LocalRunner, data: JsonObject) -> type[Action]:
    """Return the model of an action: tool calls say so in `type`, unless the environment's own model has that field."""
    declared = runner.spec.action
    if "type" in declared.model_fields and not issubclass(declared, (CallToolAction, ListToolsAction)):
        return declared
    match data.get("type"):
        case "list_tools":
            return ListToolsAction
        case "call_tool":
            return declared if issubclass(declared, CallToolAction) else CallToolAction
    return declared


def _observed(runner: LocalRunner, observation: object, request: Request) -> Answer:
    if not isinstance(observation, Observation):
        raise TypeError(
            f"{_name(runner)}.{request.kind.value} must return an Observation, got {type(observation).__name__}"
        )
    return Answer(AnswerKind.OBSERVATION, encode_observation(observation, binary=request.takes_binary))


def _name(runner: LocalRunner) -> str:
    return type(runner.environment).__name__
