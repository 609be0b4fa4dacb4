"""Models of version 1's messages and HTTP bodies, for the API document and for code that imports them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..wire.frames import ErrorCode as WSErrorCode
from ._base_message import BaseMessage

__all__ = [
    "GetTaskRangeRequest",
    "GetTaskRequest",
    "ListTasksRequest",
    "NumTasksRequest",
    "ResetRequest",
    "ResetResponse",
    "StepRequest",
    "StepResponse",
    "WSCloseMessage",
    "WSErrorCode",
    "WSErrorResponse",
    "WSIncomingMessage",
    "WSMCPMessage",
    "WSMCPResponse",
    "WSObservationResponse",
    "WSResetMessage",
    "WSStateMessage",
    "WSStateResponse",
    "WSStepMessage",
]


class ResetRequest(BaseModel):
    """The body of `POST /reset`; further fields are the environment's own reset arguments."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    seed: int | None = None
    episode_id: str | None = None


class StepRequest(BaseModel):
    """The body of `POST /step`.

    Attributes:
        action: The action's fields.
        timeout_s: How long the step may take, in seconds.
        request_id: A name the caller gives the request; not used.
    """

    model_config = ConfigDict(extra="forbid", defer_build=True)

    action: dict[str, Any]
    timeout_s: float | None = Field(default=None, gt=0)
    request_id: str | None = None


class StepResponse(BaseMessage):
    """What a step answers.

    Attributes:
        observation: The observation's fields, without reward and done.
        reward: The step's reward, if it has one.
        done: Whether the episode has ended.
        metadata: What the environment sent along; `None` where nothing.
    """

    observation: dict[str, Any]
    reward: float | None = None
    done: bool = False
    metadata: dict[str, Any] | None = None


class ResetResponse(StepResponse):
    """What a reset answers."""


class ListTasksRequest(BaseMessage):
    """Asks for the tasks of a split."""

    split: str


class NumTasksRequest(BaseMessage):
    """Asks how many tasks a split has."""

    split: str


class GetTaskRequest(BaseMessage):
    """Asks for one task of a split, counted from 0."""

    split: str
    index: int


class GetTaskRangeRequest(BaseMessage):
    """Asks for the tasks of a split from `start` up to, not including, `stop`."""

    split: str
    start: int | None = None
    stop: int | None = None


class WSResetMessage(BaseMessage):
    """Asks for a new episode."""

    type: Literal["reset"] = "reset"
    data: dict[str, Any] = Field(default_factory=dict)


class WSStepMessage(BaseMessage):
    """Asks for a step; `data` holds the action's fields."""

    type: Literal["step"] = "step"
    data: dict[str, Any]


class WSStateMessage(BaseMessage):
    """Asks where the episode stands."""

    type: Literal["state"] = "state"


class WSCloseMessage(BaseMessage):
    """Ends the session."""

    type: Literal["close"] = "close"


class WSMCPMessage(BaseMessage):
    """Carries a JSON-RPC request."""

    type: Literal["mcp"] = "mcp"
    data: dict[str, Any]


WSIncomingMessage = Annotated[
    WSResetMessage | WSStepMessage | WSStateMessage | WSCloseMessage, Field(discriminator="type")
]


class WSObservationResponse(BaseMessage):
    """Answers a reset or a step."""

    type: Literal["observation"] = "observation"
    data: dict[str, Any]


class WSStateResponse(BaseMessage):
    """Answers where the episode stands."""

    type: Literal["state"] = "state"
    data: dict[str, Any]


class WSErrorResponse(BaseMessage):
    """Says why a request failed."""

    type: Literal["error"] = "error"
    data: dict[str, Any]


class WSMCPResponse(BaseMessage):
    """Carries a JSON-RPC answer."""

    type: str = "mcp"
    data: dict[str, Any]
