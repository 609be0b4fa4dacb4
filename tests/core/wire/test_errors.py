from __future__ import annotations

import json

import pytest

from openenv.core import exceptions as errors
from openenv.core.wire.codec import decode, encode
from openenv.core.wire.errors import FrameError, error_fields, exception_from, message_of
from openenv.core.wire.frames import ErrorCode, JsonObject


def across(exc: BaseException, *, with_traceback: bool = True) -> Exception:
    """Return an exception as it arrives at a client."""
    return exception_from(decode(encode(error_fields(exc, with_traceback=with_traceback))))


def raised(exc: Exception) -> Exception:
    try:
        raise exc
    except type(exc):
        return exc


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_what_an_environment_raised_arrives_with_type_message_and_traceback() -> None:
    told = across(raised(KeyError("left")))
    assert isinstance(told, errors.EnvironmentExecutionError)
    assert (told.remote_type, told.message, told.code) == ("KeyError", "'left'", "EXECUTION_ERROR")
    assert "in raised" in told.remote_traceback
    assert "KeyError: 'left'" in str(told)


def test_a_traceback_can_be_withheld() -> None:
    told = across(raised(KeyError("left")), with_traceback=False)
    assert isinstance(told, errors.EnvironmentExecutionError)
    assert told.remote_type == "KeyError"
    assert told.remote_traceback == ""


def test_an_exception_without_a_message_is_told_by_its_type() -> None:
    assert "AssertionError" in str(across(raised(AssertionError())))


@pytest.mark.parametrize(
    "exc", [ValueError("half a \ud83d smile"), UnprintableError()], ids=["surrogate", "unprintable"]
)
def test_whatever_an_exception_says_it_can_be_told(exc: Exception) -> None:
    told = across(raised(exc))
    assert isinstance(told, errors.EnvironmentExecutionError)
    assert told.remote_type == type(exc).__name__
    assert "in raised" in told.remote_traceback


def test_a_group_of_exceptions_tells_of_each() -> None:
    class Group(Exception):  # noqa: N818 - as ExceptionGroup, which Python 3.10 lacks
        exceptions = (ValueError("a"), KeyError("b"))

    assert message_of(Group("2 failed")) == "2 failed: ValueError: a; KeyError: 'b'"


def test_errors_of_the_tree_that_no_server_speaks_of_are_the_environments_own() -> None:
    """An environment may drive another one, and its client's troubles are not this session's."""
    told = across(raised(errors.ConnectError("could not reach the other one")))
    assert isinstance(told, errors.EnvironmentExecutionError)
    assert (told.remote_type, told.message) == ("ConnectError", "could not reach the other one")
    assert "in raised" in told.remote_traceback


def test_facts_arrive_in_attributes() -> None:
    full = across(errors.SessionCapacityError(3, 4))
    assert isinstance(full, errors.SessionCapacityError)
    assert (full.active_sessions, full.max_sessions) == (3, 4)
    assert "3 of 4" in str(full)
    missing = across(errors.SessionNotFoundError("abc"))
    assert isinstance(missing, errors.SessionNotFoundError)
    assert missing.session_id == "abc"
    failed = across(errors.EnvironmentFactoryError("Chess"))
    assert isinstance(failed, errors.EnvironmentFactoryError)
    assert failed.factory_name == "Chess"
    refused = across(errors.InvalidRequestError("no such field", details={"unknown": ["a"]}))
    assert isinstance(refused, errors.InvalidRequestError)
    assert refused.details == {"unknown": ["a"]}
    assert refused.code == "VALIDATION_ERROR"


@pytest.mark.parametrize(
    "kind",
    [
        errors.SessionClosedError,
        errors.SessionCrashedError,
        errors.SessionLostError,
        errors.SessionError,
        errors.StepTimeoutError,
        errors.RequestTimeoutError,
    ],
)
def test_errors_of_the_tree_arrive_as_the_same_class(kind: type[errors.OpenEnvError]) -> None:
    told = across(kind("the reason"))
    assert type(told) is kind
    assert "the reason" in str(told)


def test_a_refused_frame_arrives_as_an_invalid_request() -> None:
    told = across(FrameError(ErrorCode.UNKNOWN_TYPE, "unknown type 'jump'", details={"type": "jump"}))
    assert isinstance(told, errors.InvalidRequestError)
    assert (told.code, told.message, told.details) == ("UNKNOWN_TYPE", "unknown type 'jump'", {"type": "jump"})


def test_every_error_is_told_in_json_with_a_code_that_version_1_knows() -> None:
    for exc in (ValueError("x"), errors.SessionCapacityError(1, 1), errors.ConfigurationError("y"), FrameError):
        made = exc(ErrorCode.INVALID_JSON, "z") if exc is FrameError else exc
        fields = json.loads(encode(error_fields(made)))  # type: ignore[arg-type]
        assert fields["code"] in {code.value for code in ErrorCode}
        assert fields["message"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("INVALID_JSON", errors.InvalidRequestError),
        ("UNKNOWN_TYPE", errors.InvalidRequestError),
        ("VALIDATION_ERROR", errors.InvalidRequestError),
        ("EXECUTION_ERROR", errors.EnvironmentExecutionError),
        ("CAPACITY_REACHED", errors.SessionCapacityError),
        ("FACTORY_ERROR", errors.EnvironmentFactoryError),
        ("SESSION_ERROR", errors.SessionError),
        ("OF_TOMORROW", errors.RemoteError),
    ],
)
def test_what_older_servers_say_becomes_the_class_of_its_code(code: str, kind: type[Exception]) -> None:
    told = exception_from({"message": "why", "code": code, "errors": [{"loc": ["a"]}]})
    assert type(told) is kind
    assert "why" in str(told)


def test_what_older_servers_say_beside_the_message_is_kept() -> None:
    full = exception_from({"message": "full", "code": "CAPACITY_REACHED", "active_sessions": 2, "max_sessions": 2})
    assert isinstance(full, errors.SessionCapacityError)
    assert (full.active_sessions, full.max_sessions) == (2, 2)
    refused = exception_from({"message": "no", "code": "VALIDATION_ERROR", "errors": [{"loc": ["a"]}]})
    assert isinstance(refused, errors.InvalidRequestError)
    assert refused.details == {"errors": [{"loc": ["a"]}]}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"message": None, "code": 3, "details": 5},
        {"error": "SessionCapacityError", "details": {"active_sessions": "many"}},
        {"error": ["a"], "message": {"a": 1}, "remote_type": 7, "traceback": []},
    ],
    ids=repr,
)
def test_a_strange_error_frame_is_an_error_all_the_same(fields: JsonObject) -> None:
    assert isinstance(exception_from(fields), errors.OpenEnvError)
