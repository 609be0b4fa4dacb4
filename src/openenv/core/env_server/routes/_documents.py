"""What the OpenAPI document says of requests and answers, beyond what FastAPI sees for itself."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

__all__ = ["ErrorDetail", "ErrorResponse", "json_body", "observed", "placed", "refusals", "told"]

_JSON = "application/json"
_DEFINITIONS = "#/$defs/"
_BESIDE = ("reward", "done")
_MEANINGS = {
    401: "The server wants a token, and none of its own came as `Authorization: Bearer …`.",
    403: "A page of an origin that may not use the server sent the request.",
    404: "There is no such session or task, or no such route in the server's mode.",
    409: "The session cannot be asked now.",
    422: "The request is not valid.",
    429: "The client asks too often.",
    500: "The environment raised an error.",
    503: "The server is full, or about to stop; `Retry-After` says when to try again.",
    504: "The step did not end within its deadline.",
}
_ANY_ROUTE = (401, 403, 429)


class ErrorDetail(BaseModel):
    """What went wrong; errors say more in further fields.

    Attributes:
        message: What happened, for people to read.
        code: The kind of failure, for programs.
    """

    model_config = ConfigDict(extra="allow")

    message: str
    code: str


class ErrorResponse(BaseModel):
    """The answer that tells of an error."""

    detail: ErrorDetail


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the document of a route's errors, those of the gate before every route among them."""
    return {
        status: {"model": ErrorResponse, "description": _MEANINGS[status]}
        for status in sorted({*_ANY_ROUTE, *statuses})
    }


def json_body(schema: dict[str, Any], *, required: bool) -> dict[str, Any]:
    """Return the document of a request's body."""
    return {"required": required, "content": {_JSON: {"schema": schema}}}


def told(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the document of an answer without an error."""
    return {"200": {"content": {_JSON: {"schema": schema}}}}


def observed(observation: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of the answer that carries an observation."""
    properties = {name: kind for name, kind in observation.get("properties", {}).items() if name not in _BESIDE}
    inner = {key: value for key, value in observation.items() if key not in {"required", "additionalProperties"}}
    return {
        "type": "object",
        "required": ["observation", "reward", "done", "metadata"],
        "properties": {
            "observation": {**inner, "properties": properties},
            "reward": {"type": ["number", "null"]},
            "done": {"type": "boolean"},
            "metadata": {"type": ["object", "null"]},
        },
    }


def placed(schema: dict[str, Any], *path: str) -> dict[str, Any]:
    """Return a model's schema whose references hold at its place in the document.

    Args:
        schema: The schema, with its definitions in `$defs`.
        *path: The keys that lead to it from the document's root.
    """
    pointer = "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in path)
    moved: dict[str, Any] = _moved(schema, f"#{pointer}/$defs/")
    return moved


def _moved(value: Any, definitions: str) -> Any:
    if isinstance(value, dict):
        return {
            key: definitions + part.removeprefix(_DEFINITIONS)
            if key == "$ref" and isinstance(part, str) and part.startswith(_DEFINITIONS)
            else _moved(part, definitions)
            for key, part in value.items()
        }
    return [_moved(part, definitions) for part in value] if isinstance(value, list) else value
