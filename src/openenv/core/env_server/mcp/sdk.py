"""The official SDK, which is imported with the first request that needs it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, get_args

from pydantic import ValidationError

from ...exceptions import MissingExtraError
from ...tools.context import LogLevel, LogMessage, Notice, listening
from ...wire.frames import JsonObject
from .conversation import Conversation, RefusedError
from .notices import Notices

try:
    import anyio
    import mcp.types as types
    from mcp.server.lowlevel import Server
    from mcp.server.streamable_http import EventCallback, EventMessage, EventStore, StreamableHTTPServerTransport
    from mcp.shared.exceptions import McpError
except ImportError as exc:
    raise MissingExtraError("MCP", "mcp") from exc

if TYPE_CHECKING:
    from ..http_server import HTTPEnvServer

__all__ = [
    "EventCallback",
    "EventMessage",
    "EventStore",
    "StreamableHTTPServerTransport",
    "refusal_of_initialize",
    "server_of",
    "types",
]

_LEVELS: tuple[LogLevel, ...] = get_args(LogLevel)
_FIRST_LEVEL: LogLevel = "info"


def _is_worth_telling(record: logging.LogRecord) -> bool:
    """Return whether a record tells of more than a stream whose session has ended."""
    return record.exc_info is None or not isinstance(record.exc_info[1], anyio.ClosedResourceError)


logging.getLogger(StreamableHTTPServerTransport.__module__).addFilter(_is_worth_telling)


def refusal_of_initialize(message: JsonObject) -> str:
    """Return why a message is no `initialize`, as a client gets a session for one; nothing where it is one."""
    try:
        request = types.JSONRPCRequest.model_validate(message)
        types.InitializeRequest.model_validate({"method": request.method, "params": request.params})
    except ValidationError as exc:
        return "; ".join(f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in exc.errors())
    return ""


async def server_of(server: HTTPEnvServer, conversation: Conversation) -> Server[Any, Any]:
    """Return the SDK's server for one client's conversation.

    Args:
        server: The environment's server.
        conversation: What answers.
    """
    about = await server.metadata()
    made: Server[Any, Any] = Server(about.name, version=about.version, instructions=await conversation.instructions())
    made.request_handlers.update(_handlers(conversation) | _calling(made, conversation))
    return made


def _calling(made: Server[Any, Any], conversation: Conversation) -> dict[Any, Any]:
    """Return what answers calls of tools, and says which of their messages a client wants."""
    wanted: types.LoggingLevel = _FIRST_LEVEL

    async def set_level(request: types.SetLevelRequest) -> types.ServerResult:
        nonlocal wanted
        wanted = request.params.level
        return types.ServerResult(types.EmptyResult())

    async def call_tool(request: types.CallToolRequest) -> types.ServerResult:
        context, name = made.request_context, request.params.name
        token = context.meta.progressToken if context.meta else None
        asked = str(context.request_id)

        async def send(notice: Notice) -> None:
            if isinstance(notice, LogMessage):
                if _LEVELS.index(notice.level) >= _LEVELS.index(wanted):
                    await context.session.send_log_message(notice.level, notice.text, notice.logger, asked)
            elif token is not None:
                await context.session.send_progress_notification(
                    token, notice.progress, notice.total, notice.message, asked
                )

        async with Notices(send) as notices:
            with listening(notices.take):
                result = await conversation.call(name, request.params.arguments or {})
        return types.ServerResult(types.CallToolResult.model_validate(result))

    return {types.SetLevelRequest: set_level, types.CallToolRequest: call_tool}


def _handlers(conversation: Conversation) -> dict[Any, Any]:
    """Return what answers each other kind of request.

    Requests are not validated here: the session does it, with messages that say what is wrong.
    """

    async def list_tools(_: types.ListToolsRequest) -> types.ServerResult:
        tools = await _refusing(conversation.tools())
        return types.ServerResult(types.ListToolsResult.model_validate({"tools": tools}))

    async def list_resources(_: types.ListResourcesRequest) -> types.ServerResult:
        resources = [*await conversation.resources(), *await _refusing(conversation.resources_of_server())]
        return types.ServerResult(types.ListResourcesResult.model_validate({"resources": resources}))

    async def list_templates(_: types.ListResourceTemplatesRequest) -> types.ServerResult:
        templates = await _refusing(conversation.templates())
        told = types.ListResourceTemplatesResult.model_validate({"resourceTemplates": templates})
        return types.ServerResult(told)

    async def read_resource(request: types.ReadResourceRequest) -> types.ServerResult:
        contents = await _refusing(conversation.read(str(request.params.uri)))
        return types.ServerResult(types.ReadResourceResult.model_validate({"contents": contents}))

    handlers = {
        types.ListToolsRequest: list_tools,
        types.ListResourcesRequest: list_resources,
        types.ListResourceTemplatesRequest: list_templates,
        types.ReadResourceRequest: read_resource,
    }
    return handlers | (_prompting(conversation) if conversation.has_prompts else {})


def _prompting(conversation: Conversation) -> dict[Any, Any]:
    """Return what answers questions about prompts."""

    async def list_prompts(_: types.ListPromptsRequest) -> types.ServerResult:
        prompts = await _refusing(conversation.prompts())
        return types.ServerResult(types.ListPromptsResult.model_validate({"prompts": prompts}))

    async def get_prompt(request: types.GetPromptRequest) -> types.ServerResult:
        told = await _refusing(conversation.prompt(request.params.name, dict(request.params.arguments or {})))
        return types.ServerResult(types.GetPromptResult.model_validate(told))

    async def complete(request: types.CompleteRequest) -> types.ServerResult:
        params = request.params.model_dump(mode="json", by_alias=True, exclude_none=True)
        told = await _refusing(conversation.complete(params))
        return types.ServerResult(types.CompleteResult.model_validate(told))

    return {
        types.ListPromptsRequest: list_prompts,
        types.GetPromptRequest: get_prompt,
        types.CompleteRequest: complete,
    }


async def _refusing(asked: Any) -> Any:
    try:
        return await asked
    except RefusedError as exc:
        raise McpError(types.ErrorData(code=exc.code, message=str(exc))) from exc
