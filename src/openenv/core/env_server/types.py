"""The models environment authors subclass, and the settings and facts a server speaks in."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field, PrivateAttr

from ..._lazy import lazy_names
from ._base_message import BaseMessage
from ._wire_model import WireModel

if TYPE_CHECKING:
    from ._v1_messages import (
        GetTaskRangeRequest,
        GetTaskRequest,
        ListTasksRequest,
        NumTasksRequest,
        ResetRequest,
        ResetResponse,
        StepRequest,
        StepResponse,
        WSCloseMessage,
        WSErrorCode,
        WSErrorResponse,
        WSIncomingMessage,
        WSMCPMessage,
        WSMCPResponse,
        WSObservationResponse,
        WSResetMessage,
        WSStateMessage,
        WSStateResponse,
        WSStepMessage,
    )

__all__ = [
    "Action",
    "BaseMessage",
    "CodeError",
    "CodeExecResult",
    "CodeObservation",
    "ConcurrencyConfig",
    "EnvironmentMetadata",
    "GetTaskRangeRequest",
    "GetTaskRequest",
    "HealthResponse",
    "HealthStatus",
    "ListTasksRequest",
    "NumTasksRequest",
    "Observation",
    "ResetRequest",
    "ResetResponse",
    "SchemaResponse",
    "ServerCapacityStatus",
    "ServerMode",
    "SessionInfo",
    "State",
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
    "WireModel",
]

# Clients import this module, and need none of the messages.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "GetTaskRangeRequest": "._v1_messages",
        "GetTaskRequest": "._v1_messages",
        "ListTasksRequest": "._v1_messages",
        "NumTasksRequest": "._v1_messages",
        "ResetRequest": "._v1_messages",
        "ResetResponse": "._v1_messages",
        "StepRequest": "._v1_messages",
        "StepResponse": "._v1_messages",
        "WSCloseMessage": "._v1_messages",
        "WSErrorCode": "._v1_messages",
        "WSErrorResponse": "._v1_messages",
        "WSIncomingMessage": "._v1_messages",
        "WSMCPMessage": "._v1_messages",
        "WSMCPResponse": "._v1_messages",
        "WSObservationResponse": "._v1_messages",
        "WSResetMessage": "._v1_messages",
        "WSStateMessage": "._v1_messages",
        "WSStateResponse": "._v1_messages",
        "WSStepMessage": "._v1_messages",
    },
)


class Action(WireModel):
    """What an agent sends to a step. Subclass it and add fields.

    Attributes:
        metadata: Anything the caller wants to travel along.
    """

    model_config = ConfigDict(extra="forbid")

    metadata: dict[str, Any] = Field(default_factory=dict)


class Observation(WireModel):
    """What an environment answers. Subclass it and add fields.

    Attributes:
        done: Whether the episode has ended.
        reward: The step's reward, if it has one.
        metadata: Anything the environment wants to travel along.
    """

    model_config = ConfigDict(extra="forbid")

    done: bool = False
    reward: bool | int | float | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)


class State(WireModel):
    """Where an episode stands. Subclasses add fields; unknown ones are kept.

    Attributes:
        episode_id: The episode's name, if it has one.
        step_count: Steps taken since the last reset.
    """

    model_config = ConfigDict(extra="allow")

    episode_id: str | None = None
    step_count: int = Field(default=0, ge=0)


class CodeExecResult(BaseMessage):
    """What running a piece of code gave.

    Attributes:
        stdout: Its standard output.
        stderr: Its standard error.
        exit_code: Its exit status; 0 for success.
    """

    stdout: str
    stderr: str
    exit_code: int


class CodeError(BaseMessage):
    """Why code gave no result.

    Attributes:
        type: The exception's class; `TimeoutError` where its time was over.
        message: What it says.
        traceback: The lines of the code that led to it; empty where none ran.
    """

    type: str
    message: str
    traceback: str = ""


class CodeObservation(Observation):
    """What came of code that `Environment.execute_code` ran.

    Its metadata has the result or the error's message too, under `result` or `error`, as in releases before 0.11.

    Attributes:
        stdout: What it printed.
        stderr: What it printed to standard error.
        result: What the variable `result` holds where the code sets it, else the value of its last line where that is
            an expression; where that cannot be sent, what `repr` says of it.
        error: Why it failed; `None` where it did not.
    """

    stdout: str = ""
    stderr: str = ""
    result: Any = None
    error: CodeError | None = None
    _value: Any = PrivateAttr(default=None)

    @property
    def value(self) -> Any:
        """Return the result as the code left it, in the process where it ran; elsewhere as it was sent."""
        return self.result if self._value is None else self._value

    @property
    def outcome(self) -> CodeExecResult:
        """Return the same as a program's end would be told."""
        trace = self.error.traceback or f"{self.error.type}: {self.error.message}\n" if self.error else ""
        return CodeExecResult(stdout=self.stdout, stderr=self.stderr + trace, exit_code=int(self.error is not None))


class EnvironmentMetadata(BaseMessage):
    """What an environment says of itself.

    Attributes:
        name: Its name.
        description: What it is, in a sentence or two.
        readme_content: Its README, as Markdown.
        version: Its version.
        author: Who made it.
        documentation_url: Where its documentation is.
    """

    name: str
    description: str
    readme_content: str | None = None
    version: str | None = None
    author: str | None = None
    documentation_url: str | None = None


class ServerMode(str, Enum):
    """How a server is meant to be used: in training, or by agents at work."""

    SIMULATION = "simulation"
    PRODUCTION = "production"


class HealthStatus(str, Enum):
    """Whether a server can serve."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    DEGRADED = "degraded"


class HealthResponse(BaseMessage):
    """The answer of `GET /health`."""

    status: HealthStatus = HealthStatus.HEALTHY


class SchemaResponse(BaseMessage):
    """The answer of `GET /schema`: one JSON schema for each thing that crosses the wire.

    Attributes:
        action: What a step takes.
        observation: What a step answers.
        reset_observation: What a reset answers.
        state: What `state` answers.
        reset: The arguments a reset takes.
    """

    action: dict[str, Any]
    observation: dict[str, Any]
    reset_observation: dict[str, Any]
    state: dict[str, Any]
    reset: dict[str, Any]


class ConcurrencyConfig(BaseMessage):
    """How many sessions a server holds, and for how long.

    Attributes:
        max_concurrent_envs: The most sessions at once.
        session_timeout: Seconds after which a session that nobody is connected to and nobody has used is closed;
            `None` keeps it until the server stops.
    """

    max_concurrent_envs: int = Field(default=1, ge=1)
    session_timeout: float | None = Field(default=1800.0, gt=0)


class ServerCapacityStatus(BaseMessage):
    """How full a server is."""

    active_sessions: int = Field(ge=0)
    max_sessions: int = Field(ge=1)

    @property
    def available_slots(self) -> int:
        """Return how many more sessions fit."""
        return max(0, self.max_sessions - self.active_sessions)

    @property
    def is_at_capacity(self) -> bool:
        """Return whether no further session fits."""
        return self.available_slots == 0


class SessionInfo(BaseMessage):
    """What a server says of one session.

    Attributes:
        session_id: Its id.
        created_at: When it was opened, in seconds since the epoch.
        last_activity_at: When it last began or ended a request, in seconds since the epoch.
        step_count: Steps it has answered since it was opened.
        environment_type: The environment's class name.
    """

    session_id: str
    created_at: float
    last_activity_at: float
    step_count: int = 0
    environment_type: str = ""
