"""What came of a step, for a model to read: texts and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..core.client_types import StepResult
from ..core.env_server.mcp_types import CallToolObservation
from ..core.env_server.types import Observation
from ..core.exceptions import RemoteError
from ..core.media import Audio, Image, decoded, is_block
from ..core.tools.results import json_value, plain_result
from ..core.wire.codec import readable
from .model_call import ModelCall

__all__ = ["Told", "told"]

# Models take no sounds as results of tools, and nobody reads bytes: they are told of.
_MEDIA = (Image, Audio, bytes)
# The kinds that the APIs of models look at; any other would have them refuse the whole conversation.
_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_NOTHING = "null"

# What is about the episode, and not for the agent to read.
_BESIDE = {"reward", "done", "metadata"}


@dataclass(frozen=True)
class Told:
    """What a model is told.

    Attributes:
        parts: Texts and pictures, in their order; at least one.
        is_error: Whether they tell of a failure.
    """

    parts: list[str | Image]
    is_error: bool = False

    @property
    def text(self) -> str:
        """Return the texts, and a word in the place of each picture."""
        return "\n".join(part if isinstance(part, str) else f"[{part.mime_type}]" for part in self.parts)


def told(call: ModelCall, outcome: object) -> Told:
    """Return what to tell a model of its call.

    Args:
        call: The call.
        outcome: What came of it: a step's result, an observation, the value that `call_tool` returned, an exception,
            or nothing for a call that was malformed.
    """
    if isinstance(outcome, RemoteError):
        # Without the server's traceback, which is long and helps no model.
        return Told([_failure(outcome.remote_type, outcome.message)], is_error=True)
    if isinstance(outcome, BaseException):
        return Told([str(outcome) or type(outcome).__name__], is_error=True)
    if call.error:
        return Told([call.error], is_error=True)
    seen = outcome.observation if isinstance(outcome, StepResult) else outcome
    if isinstance(seen, CallToolObservation):
        if seen.error is not None:
            return Told([_failure(seen.error.exception_type or "", seen.error.message)], is_error=True)
        return Told(_parts(seen.result))
    if isinstance(seen, Observation):
        return Told(_fields(seen))
    return Told(_parts(seen))


def _failure(kind: str, message: str) -> str:
    """Return what went wrong, with its kind: the message of a `KeyError` is but the key."""
    return message if not kind or message.startswith(kind) else f"{kind}: {message}"


def _fields(observation: Observation) -> list[str | Image]:
    """Return an observation's fields as JSON, and the pictures among them after that."""
    pictures = {name: value for name, value in observation if isinstance(value, Image)}
    rest = observation.model_dump(exclude=_BESIDE | pictures.keys())
    return [readable(rest), *map(_part, pictures.values())]


def _parts(result: Any) -> list[str | Image]:
    return [_part(value) for value in _values(result)] or [_NOTHING]


def _values(result: Any) -> list[Any]:
    """Return what a tool gave: one value, or several where there are pictures or sounds among them."""
    if not isinstance(result, Mapping) and hasattr(result, "is_error"):
        # As an environment in this process gives it, before it travels.
        result = json_value(result)
    content = result.get("content") if isinstance(result, Mapping) else None
    value = content if isinstance(content, list) and any(map(_is_medium, content)) else plain_result(result)
    values = value if isinstance(value, list) else [value]
    return values if any(map(_is_medium, values)) else [value]


def _is_medium(value: object) -> bool:
    return isinstance(value, _MEDIA) or (is_block(value) and isinstance(decoded(_mapping(value)), _MEDIA))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _part(value: Any) -> str | Image:
    if is_block(value):
        value = decoded(value)
    if isinstance(value, Image) and value.mime_type in _PICTURES:
        return value
    if isinstance(value, (Image, Audio)):
        return f"[{value.mime_type}, {len(value.data)} bytes]"
    if isinstance(value, bytes):
        return f"[{len(value)} bytes]"
    return readable(value)
