from __future__ import annotations

import datetime
import enum
import functools
import json
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import numpy as np
import pytest
from pydantic import BaseModel

from openenv.core.env_server.environment_spec import EnvironmentSpec, ResetArguments
from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import Action, Observation, State
from openenv.core.exceptions import ConfigurationError, EnvironmentFactoryError, InvalidRequestError
from openenv.core.generic_client import GenericEnvClient
from openenv.testing import serve
from tests.core.driving import Drive, both_kinds
from tests.core.worlds import Add, Count, Counter

Served = Callable[[type["Recording"]], str]


class Level(enum.Enum):
    EASY = "easy"
    HARD = "hard"


class Start(BaseModel):
    x: int
    y: int = 0


class Opaque:
    """Nothing that JSON or pydantic know of."""


EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
OPAQUE = Opaque()


class Recording(Environment[Add, Count, State]):
    """Keeps what its resets were called with."""

    SUPPORTS_CONCURRENT_SESSIONS = True
    calls: list[dict[str, Any]]

    def record(self, arguments: dict[str, Any]) -> Count:
        type(self).calls.append({name: value for name, value in arguments.items() if name != "self"})
        return Count()

    def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
        return Count()

    @property
    def state(self) -> State:
        return State()


class Choosy(Recording):
    def reset(  # type: ignore[override]
        self,
        level: Level,
        seed: int | None = None,
        start: Start = Start(x=0),  # noqa: B008
        board: np.ndarray | None = None,
        blob: bytes = b"",
        since: datetime.datetime = EPOCH,
        limit: float = math.inf,
        opaque: Opaque = OPAQUE,
        *,
        tags: set[str] = frozenset(),  # type: ignore[assignment]
    ) -> Count:
        return self.record(dict(locals()))


class Bare(Recording):
    def reset(self) -> Count:  # type: ignore[override]
        return self.record({})


class Open(Recording):
    def reset(self, seed: int | None = None, episode_id: str | None = None, size: int = 3, **kwargs: Any) -> Count:
        return self.record({"seed": seed, "episode_id": episode_id, "size": size, **kwargs})


class Asynchronous(Recording):
    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Count:
        raise AssertionError("the asynchronous one is there")

    async def reset_async(self, seed: int | None = None, size: int = 3) -> Count:  # type: ignore[override]
        return self.record({"seed": seed, "size": size})


class Strange(Recording):
    def reset(self, seed: "int | NotThere" = 0, other: "list[NotThere]" = ()) -> Count:  # type: ignore[name-defined, assignment, override]  # noqa: F821, UP037
        return self.record({"seed": seed, "other": other})


@pytest.fixture(autouse=True)
def _nothing_recorded() -> None:
    Recording.calls = []


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """Give the address of an environment's server, one for all tests here."""
    with ExitStack() as running:

        @functools.cache
        def served(environment: type[Recording]) -> str:
            return running.enter_context(serve(environment)).base_url

        yield served


# -- over a server ---------------------------------------------------------------------------------------------------


@both_kinds
@pytest.mark.parametrize("environment", [Bare, Open, Asynchronous])
def test_seed_and_episode_id_are_always_accepted(drive: Drive, environment: type[Recording], served: Served) -> None:
    with drive(GenericEnvClient(base_url=served(environment))) as env:
        env.reset(seed=3, episode_id="mine")
        env.reset(seed=None)
        env.reset()
    given: dict[str, Any] = {"seed": 3, "episode_id": "mine"}
    assert {name: value for name, value in Recording.calls[0].items() if name in given}.items() <= given.items()


def test_what_the_environment_does_not_name_does_not_reach_it(served: Served) -> None:
    with GenericEnvClient(base_url=served(Bare)).sync() as env:
        env.reset(seed=3, episode_id="mine")
    assert Recording.calls == [{}]


@both_kinds
def test_an_unknown_argument_is_refused_and_those_accepted_are_named(drive: Drive, served: Served) -> None:
    with drive(GenericEnvClient(base_url=served(Asynchronous))) as env:
        with pytest.raises(InvalidRequestError) as caught:
            env.reset(seed=1, levle="hard", colour="red")
        told = str(caught.value)
        for word in ("'levle'", "'colour'", "seed", "size", "episode_id", "Asynchronous"):
            assert word in told
        assert caught.value.details == {"unknown": ["levle", "colour"], "accepted": ["seed", "size", "episode_id"]}
        env.reset(size=4)
    assert Recording.calls == [{"seed": None, "size": 4}]


def test_keywords_of_any_name_reach_an_environment_that_takes_them(served: Served) -> None:
    with GenericEnvClient(base_url=served(Open)).sync() as env:
        env.reset(size="5", anything={"deep": [1]})
    assert Recording.calls == [{"seed": None, "episode_id": None, "size": 5, "anything": {"deep": [1]}}]


def test_arguments_arrive_as_the_signature_has_them(served: Served) -> None:
    with GenericEnvClient(base_url=served(Choosy)).sync() as env:
        env.reset(
            level=Level.HARD,
            start=Start(x=1),
            board=np.eye(2, dtype=np.float32),
            blob=b"\xff\x00abcd",
            since=EPOCH,
            limit=math.inf,
            tags={"a"},
        )
    (call,) = Recording.calls
    assert call["level"] is Level.HARD
    assert call["start"] == Start(x=1)
    assert isinstance(call["board"], np.ndarray)
    assert np.array_equal(call["board"], np.eye(2))
    assert call["blob"] == b"\xff\x00abcd"
    assert call["since"] == EPOCH
    assert call["limit"] == math.inf
    assert call["tags"] == {"a"}


def test_defaults_hold_for_what_is_left_out(served: Served) -> None:
    with GenericEnvClient(base_url=served(Choosy)).sync() as env:
        env.reset(level="easy")
    (call,) = Recording.calls
    assert (call["opaque"], call["blob"], call["board"]) == (OPAQUE, b"", None)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({}, "level"),
        ({"level": "medium"}, "level"),
        ({"level": "easy", "seed": "many"}, "seed"),
        ({"level": "easy", "seed": 1.5}, "seed"),
        ({"level": "easy", "seed": True}, "seed"),
        ({"level": "easy", "start": {"y": 1}}, "start.x"),
        ({"level": "easy", "since": "yesterday"}, "since"),
        ({"level": "easy", "opaque": 5}, "opaque"),
        ({"level": "easy", "episode_id": 5}, "episode_id"),
        ({"level": "easy", "board": {"a": 1}}, "board"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_wrong_or_missing_argument_is_named(arguments: dict[str, Any], field: str, served: Served) -> None:
    with GenericEnvClient(base_url=served(Choosy)).sync() as env:
        with pytest.raises(InvalidRequestError, match="reset arguments of Choosy") as caught:
            env.reset(**arguments)
        problems: Any = caught.value.details["problems"]
        assert [problem["field"] for problem in problems] == [field]
        env.reset(level="easy")


@pytest.mark.parametrize("environment", [Choosy, Bare, Open, Asynchronous, Strange])
def test_the_schema_tells_the_arguments(environment: type[Recording], served: Served) -> None:
    answer = httpx.get(f"{served(environment)}/schema")
    document = httpx.get(f"{served(environment)}/openapi.json")
    schema = json.loads(answer.content, parse_constant=pytest.fail)["reset"]
    assert {"seed", "episode_id"} <= schema["properties"].keys()
    assert schema["properties"].keys() == set(ResetArguments.of(environment).names)
    assert schema.get("required", []) == (["level"] if environment is Choosy else [])
    assert json.loads(document.content, parse_constant=pytest.fail)["paths"]["/reset"]["post"]["requestBody"]


def test_the_schema_of_arguments_has_their_types_and_defaults(served: Served) -> None:
    schema = httpx.get(f"{served(Choosy)}/schema").json()["reset"]
    properties = schema["properties"]
    assert properties["blob"]["default"] == ""
    assert properties["start"]["default"] == {"x": 0, "y": 0}
    assert properties["since"]["default"] == "1970-01-01T00:00:00Z"
    assert properties["since"]["format"] == "date-time"
    assert (properties["tags"]["type"], properties["tags"]["default"]) == ("array", [])
    assert "default" not in properties["limit"]
    assert schema["$defs"]["Level"]["enum"] == ["easy", "hard"]


def test_what_has_no_schema_does_not_stand_in_the_way(served: Served) -> None:
    """An argument of a class of the environment's own can be left out, and must not keep the server from starting."""
    assert "opaque" in httpx.get(f"{served(Choosy)}/schema").json()["reset"]["properties"]


# -- what can be served ----------------------------------------------------------------------------------------------


def make_counter() -> Counter:
    return Counter()


def make_something() -> Environment[Add, Count, State]:
    return Counter()


def make_silently():  # type: ignore[no-untyped-def] # noqa: ANN201
    return Counter()


class Sized(Counter):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.total = size


@pytest.mark.parametrize(
    ("factory", "name", "first"),
    [
        (Counter, "Counter", 1),
        (make_counter, "make_counter", 1),
        (functools.partial(Sized, size=5), "Sized", 6),
        (functools.partial(functools.partial(Sized), 7), "Sized", 8),
    ],
    ids=["class", "function", "partial", "partial of a partial"],
)
def test_environments_come_from_classes_functions_and_partials(
    factory: Callable[[], Counter], name: str, first: int
) -> None:
    with serve(factory) as server, GenericEnvClient(base_url=server.base_url).sync() as env:
        assert env.step({"amount": 1}).observation["total"] == first
        assert httpx.get(f"{server.base_url}/metadata").json()["name"] == name
        assert httpx.get(f"{server.base_url}/schema").json()["action"]["title"] == "Add"


@pytest.mark.parametrize("factory", [make_something, make_silently, lambda: Counter()], ids=["base", "bare", "lambda"])
def test_of_a_function_that_does_not_say_what_it_makes_the_models_are_given(factory: Callable[[], Counter]) -> None:
    with pytest.raises(ConfigurationError, match="does not say what its action class is"):
        EnvironmentSpec.of(factory)
    with serve(factory, action_cls=Add, observation_cls=Count, max_concurrent_envs=3) as server:
        with GenericEnvClient(base_url=server.base_url).sync() as env:
            env.reset(start=4)
            assert env.step({"amount": 1}).observation["total"] == 5
        assert httpx.get(f"{server.base_url}/schema").status_code == 200


@pytest.mark.parametrize("thing", [Counter(), 5, None, "module:Counter"], ids=["instance", "number", "none", "text"])
def test_what_cannot_be_called_is_no_environment(thing: Any) -> None:
    with pytest.raises(ConfigurationError, match="expected an Environment class or a function"):
        EnvironmentSpec.of(thing)


def test_models_that_are_swapped_are_told_apart() -> None:
    swapped: list[Any] = [Count, Add]
    with pytest.raises(ConfigurationError, match="got Count and Add: they stand the wrong way round"):
        EnvironmentSpec.of(Counter, *swapped)


def test_models_are_inherited() -> None:
    class Child(Counter):
        pass

    class Other(Action):
        pass

    spec = EnvironmentSpec.of(Child)
    assert (spec.action, spec.observation, spec.state, spec.reset_observation) == (Add, Count, State, Count)
    assert EnvironmentSpec.of(Child, Other).action is Other


def test_what_a_factory_makes_must_be_an_environment() -> None:
    with serve(lambda: 5, action_cls=Add, observation_cls=Observation) as server:
        env = GenericEnvClient(base_url=server.base_url).sync()
        with pytest.raises(EnvironmentFactoryError, match=r"expected an .*Environment, got int"):
            env.reset()
