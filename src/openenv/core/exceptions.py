"""The errors OpenEnv raises, in one tree.

    OpenEnvError
    ├── ConfigurationError (ValueError)          a setting or argument that cannot work
    │   ├── ConcurrencyConfigurationError        more sessions than the environment supports
    │   └── MissingExtraError (ImportError)      an optional dependency is not installed
    ├── EnvironmentNotFoundError (ValueError)    no environment of that name
    ├── EnvironmentUnavailableError (RuntimeError)   none of the ways to an environment worked
    ├── UntrustedCodeError (PermissionError)     code from the Hub would run, and nobody agreed to it
    ├── HubError (RuntimeError)                  the Hub refused or failed
    │   ├── SpaceNotFoundError                   no Space or revision of that name, or none that the token opens
    │   └── HubUnreachableError (ConnectionError)    no answer came from the Hub, or not in time
    ├── ProviderError (RuntimeError)             a server could not be started or stopped
    │   ├── EngineUnavailableError               no container engine answers, or not this user
    │   ├── ImageNotFoundError                   no such image, or none that this user may have
    │   └── ServerStartError                     it started and died, or was not ready in time
    ├── ConnectError (ConnectionError)           no server could be reached
    │   └── AuthenticationError                  the server does not let this client in
    ├── RateLimitError (RuntimeError)            more requests than the server takes from one client
    ├── ClientClosedError (RuntimeError)         the client was closed before this call
    ├── ProtocolError (RuntimeError)             the peer sent what the protocol does not allow
    ├── RequestTimeoutError (TimeoutError)       no answer in time
    │   └── StepTimeoutError                     a step passed its deadline
    ├── RequestCancelledError (RuntimeError)     a request was taken back
    ├── SessionError (RuntimeError)
    │   ├── SessionCapacityError                 the server is full
    │   ├── SessionCreationError                 a session could not be made
    │   │   └── EnvironmentFactoryError          the environment's constructor raised
    │   ├── SessionNotFoundError                 no session of that id
    │   ├── SessionClosedError                   the session was closed before this request
    │   ├── SessionBusyError                     a step that was given up still runs
    │   ├── ServerDrainingError                  the server is shutting down
    │   ├── SessionCrashedError                  the environment's process died
    │   └── SessionLostError                     the connection went and the episode with it
    ├── RubricError (RuntimeError)               a rubric could not give a score
    │   └── JudgeError                           the model that judges could not be asked, or gave no score
    ├── ConformanceError (AssertionError)        something does not do what its kind promises
    ├── PoolError (RuntimeError)                 some of a pool's sessions failed
    └── RemoteError (RuntimeError)               the server refused or failed a request
        ├── InvalidRequestError                  an action, argument or frame was not valid
        │   └── TaskNotFoundError (IndexError)   no such split, no such task in it, or no tasks at all
        ├── NotAllowedError                      the server does not do this in its mode
        ├── EnvironmentExecutionError            the environment's own code raised
        └── ToolCallError                        a tool could not be listed or called

What a server reports arrives as the same class on the client, with the facts in attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client_types import StepResult

__all__ = [
    "Attempt",
    "AuthenticationError",
    "CapacityError",
    "ClientClosedError",
    "ConcurrencyConfigurationError",
    "ConfigurationError",
    "ConformanceError",
    "ConnectError",
    "EngineUnavailableError",
    "EnvironmentExecutionError",
    "EnvironmentFactoryError",
    "EnvironmentNotFoundError",
    "EnvironmentUnavailableError",
    "HubError",
    "HubUnreachableError",
    "ImageNotFoundError",
    "InvalidRequestError",
    "JudgeError",
    "MissingExtraError",
    "NotAllowedError",
    "OpenEnvError",
    "PoolError",
    "ProtocolError",
    "ProviderError",
    "RateLimitError",
    "RemoteError",
    "RequestCancelledError",
    "RequestTimeoutError",
    "RubricError",
    "ServerDrainingError",
    "ServerStartError",
    "SessionBusyError",
    "SessionCapacityError",
    "SessionClosedError",
    "SessionCrashedError",
    "SessionCreationError",
    "SessionError",
    "SessionLostError",
    "SessionNotFoundError",
    "SpaceNotFoundError",
    "StepTimeoutError",
    "TaskNotFoundError",
    "ToolCallError",
    "UntrustedCodeError",
]


class OpenEnvError(Exception):
    """Base of every error that OpenEnv raises on purpose."""

    # Set on what the code of an environment raised, say by a client of its own: no error of the session it runs in.
    _is_environments_own = False


class ConfigurationError(OpenEnvError, ValueError):
    """A setting or an argument cannot work; the message says what to write instead."""


class ConcurrencyConfigurationError(ConfigurationError):
    """More sessions were asked for than the environment says it supports.

    Attributes:
        environment_name: The environment's class name.
        max_concurrent_envs: The number of sessions asked for.
    """

    def __init__(self, environment_name: str, max_concurrent_envs: int, message: str | None = None) -> None:
        self.environment_name = environment_name
        self.max_concurrent_envs = max_concurrent_envs
        super().__init__(
            message
            or f"{environment_name} serves one session at a time, but max_concurrent_envs={max_concurrent_envs} was "
            f"asked for. If its instances share nothing, set SUPPORTS_CONCURRENT_SESSIONS = True on the class; "
            f"otherwise pass max_concurrent_envs=1."
        )


class MissingExtraError(ConfigurationError, ImportError):
    """An optional dependency is needed and not installed.

    Attributes:
        extra: The extra of `openenv-core` that brings it.
    """

    def __init__(self, feature: str, extra: str) -> None:
        self.extra = extra
        super().__init__(f"{feature} needs an optional dependency: pip install 'openenv-core[{extra}]'")


class EnvironmentNotFoundError(OpenEnvError, ValueError):
    """No installed environment has the name asked for.

    Attributes:
        name: The name asked for.
        matches: Installed names close to it, best first.
    """

    def __init__(self, message: str, *, name: str = "", matches: Sequence[str] = ()) -> None:
        self.name = name
        self.matches = tuple(matches)
        super().__init__(message)


@dataclass(frozen=True)
class Attempt:
    """A way to an environment that was tried, or ruled out.

    Attributes:
        way: The way, such as "the running Space", "Docker" or "a process on this machine".
        why: Why it did not lead there.
    """

    way: str
    why: str


class EnvironmentUnavailableError(OpenEnvError, RuntimeError):
    """None of the ways to an environment worked.

    Attributes:
        name: The name asked for.
        attempts: The ways and why each of them did not work, in the order they were tried.
    """

    def __init__(self, name: str, attempts: Sequence[Attempt]) -> None:
        self.name = name
        self.attempts = tuple(attempts)
        tried = "".join(f"\n  - {attempt.way}: {attempt.why}" for attempt in attempts)
        super().__init__(f"{name!r} could not be reached or started by any of the ways there are:{tried}")


class UntrustedCodeError(OpenEnvError, PermissionError):
    """Code from the Hub would run on this machine outside a container, and nobody agreed to it.

    Attributes:
        name: The Space, `org/name`.
        revision: The commit that would run.
        page: Where its code can be read.
    """

    def __init__(self, message: str, *, name: str = "", revision: str = "", page: str = "") -> None:
        self.name = name
        self.revision = revision
        self.page = page
        super().__init__(message)


class HubError(OpenEnvError, RuntimeError):
    """The Hub refused or failed; the message says what to do."""


class SpaceNotFoundError(HubError):
    """The Hub has no Space or revision of that name, or none that the token opens: it does not tell these apart."""


class HubUnreachableError(HubError, ConnectionError):
    """No answer came from the Hub, or not in time."""


class ProviderError(OpenEnvError, RuntimeError):
    """A provider could not start, reach or stop a server."""


class EngineUnavailableError(ProviderError):
    """No container engine answers, or it does not let this user in; the message says what to do."""


class ImageNotFoundError(ProviderError):
    """There is no image of that name, or the registry does not give it to this user.

    Attributes:
        image: The image's name.
    """

    def __init__(self, message: str, *, image: str = "") -> None:
        self.image = image
        super().__init__(message)


class ServerStartError(ProviderError):
    """A server died while starting or was not ready before the deadline.

    Attributes:
        logs: The last lines it wrote, oldest first.
        returncode: The exit status of its process; `None` while it still ran or when unknown.
    """

    def __init__(self, message: str, *, logs: str = "", returncode: int | None = None) -> None:
        self.logs = logs
        self.returncode = returncode
        super().__init__(f"{message}\n--- the server's last output ---\n{logs.rstrip()}" if logs.strip() else message)


class ConnectError(OpenEnvError, ConnectionError):
    """No server could be reached at the address, or it did not speak the protocol."""


class AuthenticationError(ConnectError):
    """The server is there and does not let this client in; the message says what to do.

    Attributes:
        status: What it answered: 401 where a token is missing or wrong, 403 where the client is refused in any case.
    """

    def __init__(self, message: str, *, status: int = 401) -> None:
        self.status = status
        super().__init__(message)


class RateLimitError(OpenEnvError, RuntimeError):
    """This client asks more often than the server takes from one; nothing was done, and the session goes on.

    Attributes:
        retry_after_s: Seconds after which the next request is taken; `None` when the server does not say.
    """

    def __init__(self, retry_after_s: float | None = None, message: str | None = None) -> None:
        self.retry_after_s = retry_after_s
        wait = "" if retry_after_s is None else f": try again in {retry_after_s:g} s"
        super().__init__(message or f"more requests than this server takes from one client{wait}")


class ClientClosedError(OpenEnvError, RuntimeError):
    """The client was used after `close()`."""


class ProtocolError(OpenEnvError, RuntimeError):
    """The peer sent something the protocol does not allow."""


class RequestTimeoutError(OpenEnvError, TimeoutError):
    """No answer came in time; the session goes on and the late answer is dropped."""


class StepTimeoutError(RequestTimeoutError):
    """A step passed its deadline."""


class RequestCancelledError(OpenEnvError, RuntimeError):
    """The request was taken back by the one who made it; an asynchronous environment was interrupted in it."""


class SessionError(OpenEnvError, RuntimeError):
    """A session could not be made, found or kept."""


class SessionCapacityError(SessionError):
    """The server holds as many sessions as it may.

    Attributes:
        active_sessions: Sessions held now; `None` when the server does not say.
        max_sessions: The most it may hold; `None` when the server does not say.
        retry_after_s: Seconds after which another try may do; `None` when the server does not say.
    """

    def __init__(
        self,
        active_sessions: int | None = None,
        max_sessions: int | None = None,
        message: str | None = None,
        *,
        retry_after_s: float | None = None,
    ) -> None:
        self.retry_after_s = retry_after_s
        self.active_sessions = active_sessions
        self.max_sessions = max_sessions
        super().__init__(
            message
            or f"the server is full: {active_sessions} of {max_sessions} sessions are in use. Close one, or serve the "
            f"environment with a larger max_concurrent_envs."
        )


CapacityError = SessionCapacityError


class SessionCreationError(SessionError):
    """A session could not be made."""

    def __init__(self, reason: str = "", message: str | None = None) -> None:
        self.reason = reason
        super().__init__(message or f"the session could not be made: {reason}")


class EnvironmentFactoryError(SessionCreationError):
    """The environment's constructor or factory raised.

    Attributes:
        factory_name: The class or factory that was called; empty when the server does not say.
    """

    def __init__(self, factory_name: str = "", message: str | None = None) -> None:
        self.factory_name = factory_name
        super().__init__(message=message or f"{factory_name} could not be constructed")


class SessionNotFoundError(SessionError):
    """The server has no session of that id.

    Attributes:
        session_id: The id asked for.
    """

    def __init__(self, session_id: str = "", message: str | None = None) -> None:
        self.session_id = session_id
        super().__init__(
            message or f"no session {session_id!r}: it was closed, expired or never opened. Open one with a reset."
        )


class SessionClosedError(SessionError):
    """The session was closed before this request."""


class SessionBusyError(SessionError):
    """A step that was given up still runs: the session can be asked again when it ends, if it does."""


class ServerDrainingError(SessionError):
    """The server is shutting down: it opens no more sessions, and ends those it has."""

    def __init__(self, message: str = "the server is shutting down and opens no more sessions") -> None:
        super().__init__(message)


class SessionCrashedError(SessionError):
    """The process that ran the session's environment died, and the session with it; `reset()` opens a new one.

    Attributes:
        message: What became of the process.
        exit_code: Its exit status; `None` where a signal ended it, or when unknown.
        signal: The name of the signal that ended it, such as `SIGSEGV`; `None` where none did.
        logs: The last lines it wrote to its standard error, oldest first; empty when the server withholds them.
    """

    def __init__(
        self, message: str = "", *, exit_code: int | None = None, signal: str | None = None, logs: str = ""
    ) -> None:
        self.message = message
        self.exit_code = exit_code
        self.signal = signal
        self.logs = logs
        super().__init__(f"{message}\n--- its last output ---\n{logs.rstrip()}" if logs.strip() else message)


class SessionLostError(SessionError, ConnectionError):
    """The connection broke and the episode on the server cannot be reached again.

    An episode is never restarted unasked: open a new client, or call `reset()` on one that is connected again.
    """


class RubricError(OpenEnvError, RuntimeError):
    """A rubric could not give a score; the message says why."""


class JudgeError(RubricError):
    """The model that judges could not be asked, or gave no score.

    Attributes:
        status: The HTTP status it answered with; `None` where there was no answer.
        answer: What it said, where it said something without a score; else empty.
    """

    def __init__(self, message: str, *, status: int | None = None, answer: str = "") -> None:
        self.status = status
        self.answer = answer
        super().__init__(message)


class ConformanceError(OpenEnvError, AssertionError):
    """Something does not do what its kind promises; the message lists what was expected and what was seen."""


class PoolError(OpenEnvError, RuntimeError):
    """Some of a pool's sessions failed; the others did what they were asked, and their results are here.

    Attributes:
        indices: The sessions that were asked, in the order of the results.
        results: Their results; `None` for those that failed, unless an episode had ended before its session did.
        errors: Why the others failed, by index.
    """

    def __init__(
        self, indices: Sequence[int], results: Sequence[StepResult[Any] | None], errors: Mapping[int, Exception]
    ) -> None:
        self.indices = tuple(indices)
        self.results = tuple(results)
        self.errors = dict(errors)
        # Without the tracebacks from servers, which the errors themselves have.
        lines = {index: (str(exc).splitlines() or [""])[0] for index, exc in list(self.errors.items())[:3]}
        shown = [f"session {index}: {type(self.errors[index]).__name__}: {line}" for index, line in lines.items()]
        more = len(self.errors) - len(shown)
        told = "".join(f"\n  - {line}" for line in shown) + (f"\n  - and {more} more" if more else "")
        super().__init__(f"{len(self.errors)} of {len(self.indices)} sessions failed; see errors and results:{told}")


class RemoteError(OpenEnvError, RuntimeError):
    """The server refused or failed a request.

    Attributes:
        message: What the server said.
        code: The protocol's error code, such as `EXECUTION_ERROR`.
        remote_type: Name of the exception class on the server; empty when it did not say.
        remote_traceback: The server's traceback; empty when it withheld it.
        details: Further fields of the server's answer.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        remote_type: str = "",
        remote_traceback: str = "",
        details: Mapping[str, object] | None = None,
    ) -> None:
        self.message = message
        self.code = code
        self.remote_type = remote_type
        self.remote_traceback = remote_traceback
        self.details = dict(details or {})
        text = f"{remote_type}: {message}" if remote_type else message
        if remote_traceback:
            text = f"{text}\n--- traceback on the server ---\n{remote_traceback.rstrip()}"
        super().__init__(text)


class InvalidRequestError(RemoteError, ValueError):
    """An action, an argument or a frame was refused as not valid; the session goes on."""


class TaskNotFoundError(InvalidRequestError, IndexError):
    """An environment has no split of that name, no task of that index in it, or no tasks at all."""


class NotAllowedError(RemoteError):
    """The server does not do this in the mode it runs in; nothing was done, and the session goes on."""


class EnvironmentExecutionError(RemoteError):
    """The environment's own code raised; the session goes on."""


class ToolCallError(RemoteError):
    """A tool could not be listed or called."""
