"""What one MCP client can ask of one environment session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...exceptions import OpenEnvError
from ...wire.codec import decode, encode, strict_json
from ...wire.frames import JsonObject, Request, RequestKind
from .. import dispatch
from ..beside_tools import may_have_prompts, may_have_server
from ..mcp_types import CallToolAction, JsonRpcErrorCode, ListToolsAction, McpMethod
from ..observability import logs
from ..types import Action, ServerMode
from . import results
from .inline import inlined
from .nullable import nullable
from .output_check import OutputCheck

if TYPE_CHECKING:
    from ..http_server import HTTPEnvServer
    from ..session import Session

__all__ = ["Conversation", "RefusedError"]

_logger = logs.server_logger(__name__)

_TYPES = {"markdown": "text/markdown", "json": "application/json"}
_NO_ARGUMENTS = {"type": "object", "properties": {}, "additionalProperties": False}


class RefusedError(Exception):
    """A request that is answered with an error of the protocol.

    Attributes:
        code: The error's number.
    """

    def __init__(self, code: int, message: str) -> None:
        self.code = int(code)
        super().__init__(message)


class Conversation:
    """What one MCP client asks of one environment session, in plain JSON values.

    Attributes:
        session: The environment session.
        has_prompts: Whether the environment has prompts, or may have some.
    """

    def __init__(self, server: HTTPEnvServer, session: Session) -> None:
        """Begin one.

        Args:
            server: The server.
            session: The environment session.
        """
        self.session = session
        self._server = server
        spec = server.spec
        self._is_simulation = server.sessions.tool_mode != ServerMode.PRODUCTION.value
        self._own_actions = issubclass(spec.action, (CallToolAction, ListToolsAction))
        # Such an environment takes a step with a `type` for an action of its own.
        self._steps_tools = self._is_simulation and (self._own_actions or "type" not in spec.action.model_fields)
        self.has_prompts = may_have_prompts(spec)
        self._has_server = may_have_server(spec)
        # Of each tool what it says itself of its results, and what clients are told.
        self._output_schemas: dict[str, tuple[dict[str, Any], dict[str, Any]]] | None = None
        self._check = OutputCheck()

    async def instructions(self) -> str:
        """Return what a client is told at first."""
        about = await self._server.metadata()
        lines = [about.description]
        if self._is_simulation:
            lines.append("Call `reset` to begin an episode; it goes on until a result says that it is done.")
        return "\n".join(line for line in lines if line)

    # -- tools ---------------------------------------------------------------------------------------------------------

    async def tools(self) -> list[JsonObject]:
        """Return the tools: the session's own operations, and those of the environment.

        Raises:
            RefusedError: The environment does not list them.
        """
        asked: JsonObject = {"jsonrpc": "2.0", "id": 0, "method": McpMethod.TOOLS_LIST.value, "params": {}}
        answer = await self._asked(Request(RequestKind.MCP, asked))
        if "error" in answer:
            raise RefusedError(JsonRpcErrorCode.INTERNAL_ERROR, str(answer["error"]["message"]))
        rows = answer["result"]["tools"]
        known = {row["name"]: row["outputSchema"] for row in rows if row.get("outputSchema")}
        self._output_schemas = {name: (schema, nullable(schema)) for name, schema in known.items()}
        told = [{**row, "outputSchema": nullable(row["outputSchema"])} if row["name"] in known else row for row in rows]
        listed: list[dict[str, Any]] = [*self._operations(), *told]
        return [{**row, "inputSchema": inlined(row["inputSchema"])} for row in listed]

    async def _schemas_of(self, name: str) -> tuple[dict[str, Any], dict[str, Any]] | tuple[None, None]:
        """Return what a tool of the environment says of its results, and what clients are told of it, if anything."""
        if self._output_schemas is None:
            try:
                await self.tools()
            except Exception:  # a boundary before the environment's code: the call itself has been made
                _logger.debug("results are not checked: the environment does not list its tools", exc_info=True)
                return None, None
        return (self._output_schemas or {}).get(name, (None, None))

    def _operations(self) -> list[JsonObject]:
        """Return what plays an episode, where that may be played."""
        if not self._is_simulation:
            return []
        schemas = self._server.schemas()
        reset = _operation("reset", "Begin a new episode, and return what there is to observe.", schemas["reset"])
        state = _operation("state", "Return where the episode stands.", _NO_ARGUMENTS)
        if not self._has_actions():
            return [reset, state]
        step = _operation(
            "step", "Act, and return the observation, the reward and whether the episode is done.", schemas["action"]
        )
        return [reset, step, state]

    def _has_actions(self) -> bool:
        """Return whether the environment takes actions that are no tool calls."""
        return not self._own_actions and self._server.spec.action is not Action

    async def call(self, name: str, arguments: JsonObject) -> JsonObject:
        """Return the result of a tool; its failure is a result too."""
        try:
            return results.in_json(await self._called(name, arguments))
        except Exception as exc:  # noqa: BLE001 - the boundary: told to the client, and logged there
            self._server.sessions.telemetry.told(exc)
            with_paths = not self._server.settings.hide_tracebacks
            dispatch.error_answer(exc, session_id=self.session.id, with_traceback=with_paths)
            return results.failed_by(exc, with_paths=with_paths)

    async def _called(self, name: str, arguments: JsonObject) -> JsonObject:
        if any(tool["name"] == name for tool in self._operations()):
            return results.of_observation(await self._answered(Request(RequestKind(name), arguments)))
        if self._steps_tools:
            action: JsonObject = {"type": "call_tool", "tool_name": name, "arguments": arguments}
            return await self._checked(name, await self._answered(Request(RequestKind.STEP, action)))
        params: JsonObject = {"name": name, "arguments": arguments}
        asked: JsonObject = {"jsonrpc": "2.0", "id": 0, "method": McpMethod.TOOLS_CALL.value, "params": params}
        answer = await self._answered(Request(RequestKind.MCP, asked))
        if "error" in answer:
            data = answer["error"].get("data") or {}
            code = data.get("error_type", "execution_error")
            return results.failed(data.get("exception_type") or code, answer["error"]["message"], code)
        return await self._checked(name, {"observation": {"tool_name": name, "result": answer["result"]}})

    async def _checked(self, name: str, told: JsonObject) -> JsonObject:
        """Return the result of a tool, as far as it is what the tool says it is."""
        own, widened = await self._schemas_of(name)
        # What comes from an MCP server has null in the place of NaN already.
        return await self._check.checked(name, results.of_tool(told, own), widened if results.is_shaped(told) else own)

    async def _asked(self, request: Request) -> dict[str, Any]:
        """Return what the session answers, in JSON that has null for NaN and the infinities."""
        told: dict[str, Any] = decode(strict_json((await self.session.answer(request)).data))
        return told

    async def _answered(self, request: Request) -> dict[str, Any]:
        told: dict[str, Any] = decode((await self.session.answer(request)).data)
        return told

    # -- resources -----------------------------------------------------------------------------------------------------

    async def resources(self) -> list[JsonObject]:
        """Return what can be read."""
        about = await self._server.metadata()
        listed = [_resource("schema", "json", "JSON schemas of actions, observations, the state and a reset.")]
        if about.readme_content:
            listed.insert(0, _resource("readme", "markdown", "What the environment's author says of it."))
        if self._is_simulation:
            listed.append(_resource("state", "json", "Where the episode stands."))
        listed.append(_resource("session", "json", "The id and secret by which others take part in this session."))
        return listed

    async def resources_of_server(self) -> list[JsonObject]:
        """Return what can be read of the environment's own MCP server."""
        return await self._listed("resources/list", "resources") if self._has_server else []

    async def templates(self) -> list[JsonObject]:
        """Return the patterns of addresses that the environment's own MCP server reads."""
        return await self._listed("resources/templates/list", "resourceTemplates") if self._has_server else []

    async def read(self, uri: str) -> list[JsonObject]:
        """Return what a resource holds.

        Raises:
            RefusedError: There is none at that address, or it cannot be read now.
        """
        listed = {resource["uri"]: resource["mimeType"] for resource in await self.resources()}
        try:
            if uri in listed:
                return [{"uri": uri, "mimeType": listed[uri], "text": await self._read(uri.partition("://")[2])}]
            if self._has_server:
                contents: list[JsonObject] = (await self._beside_tools("resources/read", {"uri": uri}))["contents"]
                return contents
        except OpenEnvError as exc:
            raise RefusedError(JsonRpcErrorCode.INTERNAL_ERROR, f"{type(exc).__name__}: {exc}") from exc
        known = ", ".join(map(str, listed))
        raise RefusedError(JsonRpcErrorCode.INVALID_PARAMS, f"no resource {uri!r}: there are {known}")

    async def _read(self, name: str) -> str:
        if name == "readme":
            return (await self._server.metadata()).readme_content or ""
        if name == "schema":
            return encode(self._server.schemas()).decode()
        if name == "session":
            return encode({"session_id": self.session.id, "secret": self.session.secret}).decode()
        return encode(await self._asked(Request(RequestKind.STATE, {}))).decode()

    # -- prompts -------------------------------------------------------------------------------------------------------

    async def prompts(self) -> list[JsonObject]:
        """Return the prompts."""
        return await self._listed("prompts/list", "prompts")

    async def prompt(self, name: str, arguments: JsonObject) -> JsonObject:
        """Return a prompt's messages.

        Raises:
            RefusedError: There is no such prompt, or its arguments are wrong.
        """
        return await self._beside_tools("prompts/get", {"name": name, "arguments": arguments})

    async def complete(self, params: JsonObject) -> JsonObject:
        """Return what the argument of a prompt or of a template may go on to be.

        Raises:
            RefusedError: The environment's server refuses to tell.
        """
        return await self._beside_tools("completion/complete", params)

    async def _listed(self, method: str, key: str) -> list[JsonObject]:
        """Return a list of the environment's, whole; an empty one where its server has none of that kind."""
        rows: list[JsonObject] = []
        params: JsonObject = {}
        while True:
            try:
                page = await self._beside_tools(method, params)
            except RefusedError as exc:
                if exc.code != JsonRpcErrorCode.METHOD_NOT_FOUND.value:
                    raise
                break
            rows += page[key]
            if not page.get("nextCursor"):
                break
            params = {"cursor": page["nextCursor"]}
        return rows

    async def _beside_tools(self, method: str, params: JsonObject) -> dict[str, Any]:
        asked: JsonObject = {"jsonrpc": "2.0", "id": 0, "method": method, "params": params}
        answer = await self._asked(Request(RequestKind.MCP, asked))
        if "error" in answer:
            raise RefusedError(answer["error"]["code"], str(answer["error"]["message"]))
        result: dict[str, Any] = answer["result"]
        return result


def _operation(name: str, description: str, schema: dict[str, Any]) -> JsonObject:
    return {"name": name, "description": description, "inputSchema": {**schema, "type": "object"}}


def _resource(name: str, kind: str, description: str) -> JsonObject:
    return {"uri": f"openenv://{name}", "name": name, "mimeType": _TYPES[kind], "description": description}
