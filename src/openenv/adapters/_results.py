"""What came of a step, for a model to read: texts and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..core.client_types import StepResult
from ..core.env_server.mcp_types import CallToolObservation
from ..core.env_server.types import Observation
from ..core.tools.results import plain_result
from ..core.wire.codec import decode, encode
from .model_call import ModelCall

__all__ = ["Image", "Told", "told"]

# What is about the episode, and not for the agent to read.
_BESIDE = {"reward", "done", "metadata"}


@dataclass(frozen=True)
class Image:
    """A picture.

    Attributes:
        media_type: What it is, such as `image/png`.
        data: Its bytes in base64.
    """

    media_type: str
    data: str


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
        return "\n".join(part if isinstance(part, str) else f"[{part.media_type}]" for part in self.parts)


def told(call: ModelCall, outcome: object) -> Told:
    """Return what to tell a model of its call.

    Args:
        call: The call.
        outcome: What came of it: a step's result, an observation, the value that `call_tool` returned, an exception,
            or nothing for a call that was malformed.
    """
    if isinstance(outcome, BaseException):
        return Told([str(outcome) or type(outcome).__name__], is_error=True)
    if call.error:
        return Told([call.error], is_error=True)
    seen = outcome.observation if isinstance(outcome, StepResult) else outcome
    if isinstance(seen, CallToolObservation):
        if seen.error is not None:
            return Told([seen.error.message], is_error=True)
        return Told(_parts(seen.result))
    if isinstance(seen, Observation):
        return Told([encode(seen.model_dump(exclude=_BESIDE)).decode()])
    return Told(_parts(seen))


def _parts(result: Any) -> list[str | Image]:
    content = result.get("content") if isinstance(result, Mapping) else getattr(result, "content", None)
    if isinstance(content, list) and any(_is_image(block) for block in content):
        return [_part(block) for block in content]
    value = plain_result(decode(encode(result)) if not isinstance(result, str) else result)
    return [value if isinstance(value, str) else encode(value).decode()]


def _is_image(block: object) -> bool:
    return isinstance(block, Mapping) and block.get("type") == "image"


def _part(block: Mapping[str, Any]) -> str | Image:
    if _is_image(block):
        return Image(str(block.get("mimeType") or block.get("mime_type") or "image/png"), str(block["data"]))
    text = block.get("text")
    return text if isinstance(text, str) else encode(block).decode()
