"""What MCP clients find of an environment beside its tools: prompts, and what its own MCP server has to read."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from ..exceptions import InvalidRequestError
from ..tools.prompt import BoundPrompt, prompt_messages, prompts_of
from ..tools.server_requests import ServerRefusalError
from ..wire.frames import JsonObject
from .environment_spec import EnvironmentSpec
from .mcp_environment import MCPEnvironment
from .mcp_types import JsonRpcErrorCode

if TYPE_CHECKING:
    from .runner import LocalRunner

__all__ = ["answer_beside_tools", "may_have_prompts", "may_have_server"]

_LIST, _GET, _COMPLETE = "prompts/list", "prompts/get", "completion/complete"
_OF_SERVER = frozenset({_LIST, _GET, _COMPLETE, "resources/list", "resources/templates/list", "resources/read"})
_MOST_VALUES = 100


def may_have_server(spec: EnvironmentSpec) -> bool:
    """Return whether an environment has an MCP server of its own, as far as it is known before one is made."""
    known = spec.environment_class
    return known is None or issubclass(known, MCPEnvironment)


def may_have_prompts(spec: EnvironmentSpec) -> bool:
    """Return whether an environment has prompts, as far as it is known before one is made."""
    known = spec.environment_class
    return may_have_server(spec) or (known is not None and bool(prompts_of(known)))


async def answer_beside_tools(runner: LocalRunner, method: str, params: dict[str, Any]) -> JsonObject:
    """Return what an environment answers to a request that is about no tool, in MCP's own fields.

    Args:
        runner: What runs the environment.
        method: What is asked.
        params: What it is asked with.

    Raises:
        ServerRefusalError: It has no such thing, or what is asked is wrong.
        Exception: Whatever the prompt raised.
    """
    if method == _COMPLETE:
        return await _completed(runner, params)
    own = prompts_of(runner.environment) if method in {_LIST, _GET} else {}
    if method == _GET and params.get("name") in own:
        return await _filled_in(runner, own[params["name"]], params.get("arguments") or {})
    answer: JsonObject = await _answer_of_server(runner, method, params)
    if method == _LIST and not params.get("cursor"):
        of_server: Any = answer["prompts"]
        answer["prompts"] = [*(prompt.row() for prompt in own.values()), *of_server]
    return answer


async def _filled_in(runner: LocalRunner, prompt: BoundPrompt, arguments: dict[str, Any]) -> JsonObject:
    try:
        valid = prompt.signature.validate(arguments)
    except InvalidRequestError as exc:
        told = exc.message.replace(" for tool ", " for prompt ")
        raise ServerRefusalError(told, JsonRpcErrorCode.INVALID_PARAMS.value) from exc
    returned = await runner.run(prompt.function, **valid)
    return {"description": prompt.description, "messages": prompt_messages(returned)}


async def _completed(runner: LocalRunner, params: dict[str, Any]) -> JsonObject:
    """Return what the argument of a prompt or of a template may go on to be."""
    reference, argument = params.get("ref") or {}, params.get("argument") or {}
    prompt = prompts_of(runner.environment).get(reference.get("name", ""))
    if prompt is None or reference.get("type") != "ref/prompt":
        try:
            return await _answer_of_server(runner, _COMPLETE, params)
        except ServerRefusalError as exc:
            # Few servers complete anything, and to have nothing to propose is no failure.
            if exc.code != JsonRpcErrorCode.METHOD_NOT_FOUND.value:
                raise
    values = [] if prompt is None else prompt.completions(str(argument.get("name")), str(argument.get("value")))
    completion = {"values": values[:_MOST_VALUES], "total": len(values), "hasMore": len(values) > _MOST_VALUES}
    return {"completion": completion}


async def _answer_of_server(runner: LocalRunner, method: str, params: dict[str, Any]) -> JsonObject:
    environment = runner.environment
    if isinstance(environment, MCPEnvironment) and method in _OF_SERVER:
        # Where the environment's steps run, which use the same session.
        is_async = inspect.iscoroutinefunction(runner.step_method)
        ask = environment.ask_server_async if is_async else environment.ask_server
        answer: JsonObject = await runner.run(ask, method, params)
        return answer
    if method == _LIST:
        return {"prompts": []}
    if method == _GET:
        known = ", ".join(prompts_of(environment)) or "none"
        told = f"no prompt {params.get('name')!r}: there are {known}"
        raise ServerRefusalError(told, JsonRpcErrorCode.INVALID_PARAMS.value)
    raise ServerRefusalError(f"Method not found: {method}", JsonRpcErrorCode.METHOD_NOT_FOUND.value)
