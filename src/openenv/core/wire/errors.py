"""Exceptions across the wire: told by the server in fields, raised by the client as the same class."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from types import TracebackType

from .. import exceptions as errors
from .._secrets import mask, without_paths
from .frames import ErrorCode, JsonObject

__all__ = [
    "FrameError",
    "environment_traceback",
    "error_fields",
    "exception_from",
    "is_environments_own",
    "mark_as_environments_own",
    "message_of",
    "sendable",
]

_OWN_PACKAGE = "openenv.core."
_SHOWN = {"message", "traceback", "logs"}


class FrameError(errors.ProtocolError):
    """A frame was refused; the connection and its sessions go on.

    Attributes:
        code: Why.
        request_id: The frame's id, as far as it could be read.
        channel: Its channel, as far as it could be read.
        details: Further facts, such as the fields that were wrong.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        request_id: int | None = None,
        channel: int = 0,
        details: JsonObject | None = None,
    ) -> None:
        self.code = code
        self.request_id = request_id
        self.channel = channel
        self.details = details or {}
        super().__init__(message)


_CODES: dict[type[BaseException], ErrorCode] = {
    errors.SessionCapacityError: ErrorCode.CAPACITY_REACHED,
    errors.EnvironmentFactoryError: ErrorCode.FACTORY_ERROR,
    errors.SessionError: ErrorCode.SESSION_ERROR,
    errors.InvalidRequestError: ErrorCode.VALIDATION_ERROR,
    errors.NotAllowedError: ErrorCode.NOT_ALLOWED,
    errors.RateLimitError: ErrorCode.RATE_LIMITED,
}


def _code_of(exc: BaseException) -> ErrorCode:
    if isinstance(exc, FrameError):
        return exc.code
    return next((code for cls, code in _CODES.items() if isinstance(exc, cls)), ErrorCode.EXECUTION_ERROR)


def error_fields(exc: BaseException, *, with_traceback: bool = True) -> JsonObject:
    """Return the data of the error frame that tells of an exception.

    Args:
        exc: An error of OpenEnv's own tree, or whatever an environment raised.
        with_traceback: Whether the traceback of an environment's exception is told, and the paths of files.
    """
    fields = _fields_of(exc, with_traceback)
    for name in _SHOWN & fields.keys():
        fields[name] = mask(str(fields[name]))
    if not with_traceback:
        fields["message"] = without_paths(str(fields["message"]))
    return fields


def _fields_of(exc: BaseException, with_traceback: bool) -> JsonObject:
    if is_environments_own(exc):
        return _environment_error(exc, with_traceback)
    if isinstance(exc, (errors.RemoteError, FrameError)):
        return _refusal_fields(exc, with_traceback)
    if isinstance(exc, errors.SessionCrashedError):
        return _crash_fields(exc, with_logs=with_traceback)
    if type(exc).__name__ in _BUILDERS:
        public = {name: value for name, value in vars(exc).items() if not name.startswith("_")}
        fields = {"message": sendable(str(exc)), "code": _code_of(exc).value, "error": type(exc).__name__}
        # Beside the message, not below it: there clients before 0.11 look for them.
        return public | fields
    return _environment_error(exc, with_traceback)


def _refusal_fields(exc: errors.RemoteError | FrameError, with_traceback: bool) -> JsonObject:
    told = exc.message if isinstance(exc, errors.RemoteError) else str(exc)
    fields: JsonObject = {"message": sendable(told), "code": _code_of(exc).value, "error": _class_name(exc)}
    if isinstance(exc, errors.RemoteError) and exc.remote_type:
        fields["remote_type"] = exc.remote_type
        if exc.remote_traceback and with_traceback:
            fields["traceback"] = exc.remote_traceback
    return fields | ({"details": exc.details} if exc.details else {})


def _crash_fields(exc: errors.SessionCrashedError, with_logs: bool) -> JsonObject:
    return {
        "message": sendable(exc.message),
        "code": ErrorCode.SESSION_ERROR.value,
        "error": type(exc).__name__,
        "exit_code": exc.exit_code,
        "signal": exc.signal,
        "logs": sendable(exc.logs) if with_logs else "",
    }


def mark_as_environments_own(exc: errors.OpenEnvError) -> None:
    """Say that an environment's code raised an error: its clients' troubles must not pass for those of its session.

    What refuses a request or misses a deadline is left: environments raise these to be told as such.
    """
    exc._is_environments_own = not isinstance(exc, (errors.InvalidRequestError, errors.StepTimeoutError))


def is_environments_own(exc: BaseException) -> bool:
    """Return whether an environment raised an exception, rather than the server that runs it."""
    if not isinstance(exc, errors.OpenEnvError):
        return True
    known = isinstance(exc, FrameError) or type(exc).__name__ in _BUILDERS or type(exc).__name__ in _REMOTE
    return exc._is_environments_own or not known


def message_of(exc: BaseException) -> str:
    """Return what an exception says, or its class's name where it says nothing, or cannot; of a group, what all say."""
    try:
        told = sendable(str(exc)) or type(exc).__name__
    except Exception:  # noqa: BLE001 - an exception that cannot say what it is must be told of all the same
        return type(exc).__name__
    inner: object = getattr(exc, "exceptions", None)
    if not isinstance(inner, tuple):
        return told
    return f"{told}: {'; '.join(f'{type(each).__qualname__}: {message_of(each)}' for each in inner)}"


def sendable(text: str) -> str:
    """Return a text with its lone surrogates, which JSON cannot carry, written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _environment_error(exc: BaseException, with_traceback: bool) -> JsonObject:
    fields: JsonObject = {
        "message": message_of(exc),
        "code": ErrorCode.EXECUTION_ERROR.value,
        "error": errors.EnvironmentExecutionError.__name__,
        "remote_type": type(exc).__qualname__,
    }
    if with_traceback:
        lines = traceback.format_exception(type(exc), exc, environment_traceback(exc))
        fields["traceback"] = sendable("".join(lines))
    return fields


def environment_traceback(exc: BaseException) -> TracebackType | None:
    """Return an exception's traceback from where the environment's code begins, without the frames that lead there."""
    trace = exc.__traceback__
    while trace is not None and str(trace.tb_frame.f_globals.get("__name__", "")).startswith(_OWN_PACKAGE):
        trace = trace.tb_next
    return trace or exc.__traceback__


def _class_name(exc: BaseException) -> str:
    return errors.InvalidRequestError.__name__ if isinstance(exc, FrameError) else type(exc).__name__


def _capacity(message: str, details: Mapping[str, object]) -> Exception:
    active, most, retry = (details.get(name) for name in ("active_sessions", "max_sessions", "retry_after_s"))
    return errors.SessionCapacityError(
        active if isinstance(active, int) else None,
        most if isinstance(most, int) else None,
        message,
        retry_after_s=retry if isinstance(retry, (int, float)) else None,
    )


def _crash(message: str, details: Mapping[str, object]) -> Exception:
    exit_code, signal, logs = (details.get(name) for name in ("exit_code", "signal", "logs"))
    return errors.SessionCrashedError(
        message,
        exit_code=exit_code if isinstance(exit_code, int) else None,
        signal=signal if isinstance(signal, str) else None,
        logs=logs if isinstance(logs, str) else "",
    )


def _rate_limit(message: str, details: Mapping[str, object]) -> Exception:
    retry_after_s = details.get("retry_after_s")
    return errors.RateLimitError(retry_after_s if isinstance(retry_after_s, (int, float)) else None, message)


_BUILDERS: dict[str, Callable[[str, Mapping[str, object]], Exception]] = {
    "SessionCapacityError": _capacity,
    "RateLimitError": _rate_limit,
    "EnvironmentFactoryError": lambda message, details: errors.EnvironmentFactoryError(
        str(details.get("factory_name", "")), message=message
    ),
    "SessionNotFoundError": lambda message, details: errors.SessionNotFoundError(
        str(details.get("session_id", "")), message
    ),
    "SessionCreationError": lambda message, _: errors.SessionCreationError(message=message),
    "SessionClosedError": lambda message, _: errors.SessionClosedError(message),
    "SessionCrashedError": _crash,
    "SessionLostError": lambda message, _: errors.SessionLostError(message),
    "SessionBusyError": lambda message, _: errors.SessionBusyError(message),
    "ServerDrainingError": lambda message, _: errors.ServerDrainingError(message),
    "RequestCancelledError": lambda message, _: errors.RequestCancelledError(message),
    "SessionError": lambda message, _: errors.SessionError(message),
    "ProtocolError": lambda message, _: errors.ProtocolError(message),
    "StepTimeoutError": lambda message, _: errors.StepTimeoutError(message),
    "RequestTimeoutError": lambda message, _: errors.RequestTimeoutError(message),
}

_REMOTE: dict[str, type[errors.RemoteError]] = {
    "InvalidRequestError": errors.InvalidRequestError,
    "TaskNotFoundError": errors.TaskNotFoundError,
    "NotAllowedError": errors.NotAllowedError,
    "EnvironmentExecutionError": errors.EnvironmentExecutionError,
    "ToolCallError": errors.ToolCallError,
}

# What an exception has in attributes of their own.
_IN_ATTRIBUTES = {"message", "code", "error", "remote_type", "traceback"}

# What the codes of servers before 0.11, which name no class, stand for.
_CLASS_OF_CODE = {
    ErrorCode.INVALID_JSON.value: "InvalidRequestError",
    ErrorCode.UNKNOWN_TYPE.value: "InvalidRequestError",
    ErrorCode.VALIDATION_ERROR.value: "InvalidRequestError",
    ErrorCode.EXECUTION_ERROR.value: "EnvironmentExecutionError",
    ErrorCode.CAPACITY_REACHED.value: "SessionCapacityError",
    ErrorCode.FACTORY_ERROR.value: "EnvironmentFactoryError",
    ErrorCode.SESSION_ERROR.value: "SessionError",
}


def _invalid_fields(details: Mapping[str, object]) -> str:
    """Return what servers before 0.11 say of invalid fields, which their message does not."""
    rows = details.get("errors")
    told = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    return "".join(f"; {'.'.join(map(str, row.get('loc', ())))}: {row.get('msg')}" for row in told)


def exception_from(fields: Mapping[str, object]) -> Exception:
    """Return the exception that an error frame's data tells of, ready to be raised."""
    message = str(fields.get("message") or "the server gave no reason")
    code = str(fields.get("code") or "")
    details = fields.get("details")
    if not isinstance(details, Mapping):
        details = {name: value for name, value in fields.items() if name not in _IN_ATTRIBUTES}
    message += _invalid_fields(details)
    name = str(fields.get("error") or _CLASS_OF_CODE.get(code, ""))
    if (build := _BUILDERS.get(name)) is not None:
        return build(message, details)
    return _REMOTE.get(name, errors.RemoteError)(
        message,
        code=code,
        remote_type=str(fields.get("remote_type") or ""),
        remote_traceback=str(fields.get("traceback") or ""),
        details=details,
    )
