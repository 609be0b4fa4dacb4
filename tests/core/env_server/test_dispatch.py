from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import Action, Observation, State
from openenv.core.exceptions import (
    ConnectError,
    EnvironmentExecutionError,
    InvalidRequestError,
    OpenEnvError,
    SessionLostError,
    StepTimeoutError,
)
from openenv.core.generic_client import GenericEnvClient
from openenv.core.sync_client import SyncEnvClient
from openenv.testing import serve
from tests.core.worlds import Add, Count, Counter, opened

Client = SyncEnvClient[dict[str, Any], dict[str, Any], dict[str, Any]]


def client_of(base_url: str) -> Client:
    return GenericEnvClient(base_url=base_url).sync()


class Exploding(Counter):
    """Raises where its actions and reset arguments say."""

    def __init__(self) -> None:
        super().__init__()
        self.broken_state = False

    def reset(
        self, seed: int | None = None, episode_id: str | None = None, start: int = 0, fail: bool = False
    ) -> Count:
        if fail:
            raise LookupError("no such level")
        self.broken_state = False
        return super().reset(seed, episode_id)

    def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
        self.broken_state = action.fail == "state"
        return super().step(Add(amount=action.amount, fail="" if self.broken_state else action.fail))

    @property
    def state(self) -> State:
        if self.broken_state:
            raise AttributeError("no state yet")
        return super().state


@pytest.mark.parametrize(
    ("call", "remote_type", "message", "where"),
    [
        (lambda env: env.reset(fail=True), "LookupError", "no such level", "in reset"),
        (lambda env: env.step({"fail": "boom"}), "ArithmeticError", "boom", "in step"),
        (lambda env: (env.step({"fail": "state"}), env.state()), "AttributeError", "no state yet", "in state"),
    ],
    ids=["reset", "step", "state"],
)
def test_what_the_environment_raises_reaches_the_client_and_the_log(
    call: Callable[[Client], object], remote_type: str, message: str, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    with serve(Exploding) as server, client_of(server.base_url) as env:
        env.step({"amount": 3})
        with pytest.raises(EnvironmentExecutionError) as caught:
            call(env)
        assert env.step({"amount": 1}).observation["total"] >= 4
    told = caught.value
    assert (told.remote_type, told.message, told.code) == (remote_type, message, "EXECUTION_ERROR")
    assert where in told.remote_traceback
    assert "test_dispatch.py" in told.remote_traceback
    assert where in str(told)
    record = next(record for record in caplog.records if record.name.startswith("openenv"))
    assert record.levelno == logging.ERROR
    assert f"{remote_type}: {message}" in caplog.text
    assert where in caplog.text


def test_what_close_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Sticky(Counter):
        def close(self) -> None:
            raise OSError("would not let go")

    with serve(Sticky, max_concurrent_envs=1) as server:
        for _ in range(2):
            with client_of(server.base_url) as env:
                env.step({})
    assert caplog.text.count("OSError: would not let go") == 2


class Plain(Counter):
    """Raises what it is given in its steps."""

    error: BaseException

    def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
        raise self.error


class Asynchronous(Plain):
    async def step_async(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
        raise self.error


@pytest.fixture(scope="module")
def raising() -> Iterator[Callable[[type[Counter]], str]]:
    """Give the address of an environment's server, one for all tests here."""
    with ExitStack() as running:

        @functools.cache
        def served(environment: type[Counter]) -> str:
            return running.enter_context(serve(environment)).base_url

        yield served


class StrangeError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("cannot say")


class RichError(OpenEnvError):
    def __init__(self) -> None:
        super().__init__("with more to it")
        self.field = object()


@pytest.mark.parametrize(
    ("error", "remote_type"),
    [
        (StrangeError(), "StrangeError"),
        (AssertionError(), "AssertionError"),
        (TimeoutError("slow"), "TimeoutError"),
        (OSError(2, "gone"), "FileNotFoundError"),
        (RichError(), "RichError"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("asynchronous", [False, True])
def test_whatever_it_raises_is_answered(
    raising: Callable[[type[Counter]], str], error: Exception, remote_type: str, asynchronous: bool
) -> None:
    Plain.error = error
    with client_of(raising(Asynchronous if asynchronous else Plain)) as env:
        with pytest.raises(EnvironmentExecutionError) as caught:
            env.step({})
        assert caught.value.remote_type == remote_type
        assert env.reset().observation["total"] == 0


class OddError(BaseException):
    pass


@pytest.mark.parametrize(
    "error",
    [SystemExit(3), StopIteration("end"), asyncio.CancelledError(), OddError()],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("served", [False, True])
def test_an_environment_that_exits_ends_neither_server_nor_session(
    raising: Callable[[type[Counter]], str], error: BaseException, asynchronous: bool, served: bool
) -> None:
    Plain.error = error
    kind = Asynchronous if asynchronous else Plain
    with client_of(raising(kind)) if served else GenericEnvClient.from_environment(kind).sync() as env:
        with pytest.raises(EnvironmentExecutionError, match=type(error).__name__):
            env.step({})
        assert env.reset().observation["total"] == 0


@pytest.mark.parametrize(
    "error",
    [ConnectError("the other server is down"), SessionLostError("the inner episode is gone")],
    ids=lambda error: type(error).__name__,
)
def test_an_environment_that_drives_another_one_tells_of_that_ones_troubles_as_its_own(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    class Outer(Counter):
        def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
            raise error

    with serve(Outer) as server, client_of(server.base_url) as env:
        with pytest.raises(EnvironmentExecutionError) as caught:
            env.step({})
        assert caught.value.remote_type == type(error).__name__
        assert "in step" in caught.value.remote_traceback
        env.reset()
    assert str(error) in caplog.text


def test_an_environment_may_refuse_an_action_and_miss_a_deadline() -> None:
    class Choosy(Counter):
        def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
            if action.amount < 0:
                raise InvalidRequestError("amounts are not negative", details={"amount": action.amount})
            raise StepTimeoutError(f"not done within {timeout_s} s")

    with serve(Choosy) as server, client_of(server.base_url) as env:
        with pytest.raises(InvalidRequestError, match="amounts are not negative") as refused:
            env.step({"amount": -1})
        assert refused.value.details == {"amount": -1}
        with pytest.raises(StepTimeoutError, match=r"not done within 0\.5 s"):
            env.step({"amount": 1}, timeout_s=0.5)


@pytest.mark.parametrize("returned", [None, {"total": 1}, State(), "text"], ids=repr)
def test_a_return_value_that_is_no_observation_is_an_error_that_says_so(returned: object) -> None:
    class Wrong(Counter):
        def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Any:
            return returned

        def reset(self, seed: int | None = None, episode_id: str | None = None, start: int = 0) -> Any:
            return returned

    with serve(Wrong) as server, client_of(server.base_url) as env:
        kind = type(returned).__name__
        with pytest.raises(EnvironmentExecutionError, match=rf"Wrong\.reset must return an Observation, got {kind}"):
            env.reset()
        with pytest.raises(EnvironmentExecutionError, match=rf"Wrong\.step must return an Observation, got {kind}"):
            env.step({})


def test_a_tuple_as_gymnasium_has_them_is_told_where_its_parts_belong() -> None:
    class Tupled(Counter):
        def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Any:
            return super().step(action), 1.0, False, {}

    with serve(Tupled) as server, client_of(server.base_url) as env:
        env.reset()
        with pytest.raises(EnvironmentExecutionError, match="got tuple: reward, done and metadata are fields of it"):
            env.step({})


def test_a_state_that_is_no_state_is_an_error_that_says_so() -> None:
    class Wrong(Counter):
        @property
        def state(self) -> Any:
            return {"episode_id": "x"}

    with (
        serve(Wrong) as server,
        client_of(server.base_url) as env,
        pytest.raises(EnvironmentExecutionError, match="must be a State, got dict"),
    ):
        env.state()


def test_an_observation_that_cannot_be_sent_is_an_error_that_names_what() -> None:
    class Anything(Observation):
        value: Any = None

    class Wild(Environment[Add, Anything, State]):
        def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Anything:
            return Anything(value="fine")

        def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Anything:
            deep: list[Any] = []
            for _ in range(240):
                deep = [deep]
            values: list[Any] = [object(), "half \ud83d", lambda: None, deep]
            return Anything(value=values[action.amount])

        @property
        def state(self) -> State:
            return State()

    with serve(Wild) as server, client_of(server.base_url) as env:
        for amount, told in enumerate(["builtins.object cannot be sent", "surrogates", "function cannot be sent"]):
            with pytest.raises(EnvironmentExecutionError, match=told):
                env.step({"amount": amount})
        # Deeper than what can be read again.
        with pytest.raises((EnvironmentExecutionError, RuntimeError)):
            env.step({"amount": 3})
        assert env.reset().observation["value"] == "fine"


class Typed(Action):
    kind: str
    size: int = 1


def test_an_invalid_action_names_each_field() -> None:
    class Picky(Counter):
        pass

    with serve(Picky, action_cls=Typed) as server, client_of(server.base_url) as env:
        with pytest.raises(InvalidRequestError) as caught:
            env.step({"size": "big", "colour": "red"})
        assert {row["field"] for row in caught.value.details["problems"]} == {"kind", "size", "colour"}  # type: ignore[attr-defined]
        for word in ("kind", "size", "colour", "'big'"):
            assert word in str(caught.value)


def test_a_validator_that_breaks_is_the_environments_error() -> None:
    class Brittle(Action):
        def model_post_init(self, _context: Any) -> None:
            raise ZeroDivisionError("in the validator")

    with serve(Counter, action_cls=Brittle) as server, opened(server.base_url) as peer:
        told = peer.ask("step")["data"]
        assert (told["remote_type"], told["message"]) == ("ZeroDivisionError", "in the validator")
        assert peer.ask("state")["type"] == "state"
