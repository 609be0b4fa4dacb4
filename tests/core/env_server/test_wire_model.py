"""Values that JSON does not have, from an environment to its client and back."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import decimal
import enum
import json
import math
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from openenv.core.env_client import EnvClient
from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.serialization import deserialize_action, serialize_observation
from openenv.core.env_server.types import Action, Observation, State, WireModel
from openenv.core.generic_client import GenericEnvClient
from openenv.testing import RunningServer, serve
from tests.core.driving import Drive, both_kinds


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Direction(enum.IntEnum):
    UP = 1
    DOWN = 2


@dataclasses.dataclass
class Point:
    x: float
    y: float


@dataclasses.dataclass
class Sprite:
    blob: bytes
    below: list[Sprite] = dataclasses.field(default_factory=list)


class Sound(TypedDict):
    blob: bytes


class Part(WireModel):
    pixels: np.ndarray
    blob: bytes = b""


class Plain(BaseModel):
    when: datetime.datetime
    colour: Colour = Colour.RED


class Everything(WireModel):
    """One field for each kind of value."""

    array: np.ndarray
    typed_array: npt.NDArray[np.float32]
    zero_d: np.ndarray
    empty: np.ndarray
    no_array: np.ndarray | None = None
    arrays: list[np.ndarray] = Field(default_factory=list)
    by_name: dict[str, np.ndarray] = Field(default_factory=dict)
    blob: bytes
    blobs: dict[str, bytes] = Field(default_factory=dict)
    nan: float
    infinity: float
    nested: Part
    parts: list[Part]
    plain: Plain
    point: Point
    sprite: Sprite
    sound: Sound
    colour: Colour
    direction: Direction
    when: datetime.datetime
    day: datetime.date
    span: datetime.timedelta
    price: decimal.Decimal
    name: uuid.UUID
    path: Path
    tags: set[str]
    pair: tuple[int, str]
    by_number: dict[int, str]
    anything: Any = None


class EverythingAction(Action, Everything):
    pass


class EverythingObservation(Observation, Everything):
    pass


class EverythingState(State):
    array: np.ndarray | None = None
    best: float = -math.inf


FIELDS: dict[str, Any] = {
    "array": np.arange(6).reshape(2, 3),
    "typed_array": np.array([0.1, math.nan, math.inf], dtype=np.float32),
    "zero_d": np.array(1.5),
    "empty": np.zeros(0),
    "arrays": [np.eye(2), np.array([1])],
    "by_name": {"a": np.array([True, False])},
    "blob": bytes(range(256)),
    "blobs": {"k": b"\xff", "text": b"plain"},
    "nan": math.nan,
    "infinity": -math.inf,
    "nested": Part(pixels=np.ones((1, 1)), blob=b"\x80"),
    "parts": [Part(pixels=np.array([[1]]))],
    "plain": Plain(when=datetime.datetime(2024, 1, 2, 3, tzinfo=datetime.timezone.utc)),
    "point": Point(0.5, 1.0),
    "sprite": Sprite(b"\xff", [Sprite(b"abcd")]),
    "sound": {"blob": b"\xfe"},
    "colour": Colour.BLUE,
    "direction": Direction.DOWN,
    "when": datetime.datetime(2024, 1, 2, 3, 4, 5, 678),
    "day": datetime.date(2024, 2, 29),
    "span": datetime.timedelta(days=1, seconds=1.5),
    "price": decimal.Decimal("1.10"),
    "name": uuid.UUID(int=7),
    "path": Path("/tmp/x"),
    "tags": {"a", "b"},
    "pair": (1, "one"),
    "by_number": {1: "one"},
    "anything": {"deep": [{"n": 1}]},
}


def same(left: Any, right: Any) -> bool:
    """Compare values of which some are arrays, and some are NaN."""
    if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
        return (
            isinstance(left, np.ndarray)
            and isinstance(right, np.ndarray)
            and left.shape == right.shape
            and np.array_equal(left.astype(float), right.astype(float), equal_nan=True)
        )
    if isinstance(left, float) and math.isnan(left):
        return isinstance(right, float) and math.isnan(right)
    if isinstance(left, BaseModel):
        return type(left) is type(right) and same(dict(left), dict(right))
    if dataclasses.is_dataclass(left):
        return type(left) is type(right) and same(vars(left), vars(right))
    if isinstance(left, dict):
        return isinstance(right, dict) and left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    if isinstance(left, (list, tuple)):
        return type(left) is type(right) and len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and left == right


class Mirror(Environment[EverythingAction, EverythingObservation, EverythingState]):
    """Shows what it was given."""

    SUPPORTS_CONCURRENT_SESSIONS = True
    seen: EverythingAction

    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> EverythingObservation:
        return EverythingObservation(**FIELDS)

    def step(self, action: EverythingAction, timeout_s: float | None = None, **kwargs: Any) -> EverythingObservation:
        type(self).seen = action
        return EverythingObservation(**{name: getattr(action, name) for name in Everything.model_fields})

    @property
    def state(self) -> EverythingState:
        return EverythingState(array=np.array([1.5, math.nan]), extra=np.array([[1]]))


class MirrorEnv(EnvClient[EverythingAction, EverythingObservation, EverythingState]):
    pass


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serve(Mirror) as server:
        yield server


@both_kinds
@pytest.mark.parametrize("served", [True, False], ids=["served", "embedded"])
def test_typed_values_arrive_as_they_went_both_ways(server: RunningServer, drive: Drive, served: bool) -> None:
    with drive(MirrorEnv(base_url=server.base_url) if served else MirrorEnv.from_environment(Mirror)) as env:
        shown = env.reset().observation
        for name, value in FIELDS.items():
            assert same(getattr(shown, name), value), name
        back = env.step(EverythingAction(**FIELDS)).observation
        for name, value in FIELDS.items():
            assert same(getattr(Mirror.seen, name), value), name
            assert same(getattr(back, name), value), name
        state = env.state()
        assert same(state.array, np.array([1.5, math.nan]))
        assert state.best == -math.inf


@both_kinds
def test_a_generic_client_sees_plain_values(server: RunningServer, drive: Drive) -> None:
    with drive(GenericEnvClient(base_url=server.base_url)) as env:
        shown = env.reset().observation
        assert shown["array"] == [[0, 1, 2], [3, 4, 5]]
        assert shown["zero_d"] == 1.5
        assert math.isnan(shown["nan"])
        assert shown["infinity"] == -math.inf
        assert math.isnan(shown["typed_array"][1])
        assert shown["nested"]["pixels"] == [[1.0]]
        assert (shown["colour"], shown["direction"], shown["when"]) == ("blue", 2, "2024-01-02T03:04:05.000678")
        # What it was shown it can send, and the environment sees what it showed.
        again = env.step({name: shown[name] for name in Everything.model_fields}).observation
        assert json.dumps(again, sort_keys=True) == json.dumps(shown, sort_keys=True)
        for name, value in FIELDS.items():
            assert same(getattr(Mirror.seen, name), value), name


@both_kinds
def test_a_generic_client_may_send_what_json_does_not_have(server: RunningServer, drive: Drive) -> None:
    with drive(GenericEnvClient(base_url=server.base_url)) as env:
        env.step(FIELDS)
        for name, value in FIELDS.items():
            assert same(getattr(Mirror.seen, name), value), name


def test_over_http_it_is_json_that_every_parser_reads(server: RunningServer) -> None:
    with httpx.Client(base_url=server.base_url) as http:
        for answer in (http.post("/reset"), http.get("/state"), http.get("/schema"), http.get("/openapi.json")):
            assert answer.status_code == 200
            json.loads(answer.content, parse_constant=pytest.fail)
        shown = http.post("/reset").json()["observation"]
    assert shown["nan"] is None
    assert shown["infinity"] is None
    assert shown["array"] == [[0, 1, 2], [3, 4, 5]]


def test_the_schema_tells_of_arrays_and_bytes() -> None:
    schema = EverythingObservation.model_json_schema()["properties"]
    assert schema["array"]["type"] == "array"
    assert schema["blob"]["type"] == "string"


# -- models by themselves --------------------------------------------------------------------------------------------


def test_serialising_and_back() -> None:
    told = serialize_observation(EverythingObservation(**FIELDS, reward=1.5, done=True, metadata={"k": 1}))
    assert told.keys() == {"observation", "reward", "done", "metadata"}
    assert not {"reward", "done"} & told["observation"].keys()
    fields = {name: told["observation"][name] for name in Everything.model_fields}
    action = deserialize_action(fields, EverythingAction)
    for name, value in FIELDS.items():
        assert same(getattr(action, name), value), name


class Blob(Action):
    data: bytes = b""


@pytest.mark.parametrize("text", ["plain text", "ünï", "", "abc"])
def test_bytes_in_plain_text_as_older_peers_send_them(text: str) -> None:
    assert deserialize_action({"data": text}, Blob).data == text.encode()


@pytest.mark.parametrize("data", [b"", b"abcd", b"\xff\xfb\xfe", bytes(range(256)), b"plain text"])
def test_bytes_in_base64_of_either_alphabet(data: bytes) -> None:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert deserialize_action({"data": encode(data).decode()}, Blob).data == data


def test_made_by_hand_text_stays_text() -> None:
    """Only what came over the wire is base64."""
    assert Blob(data="YWJj").data == b"YWJj"
    assert Blob.model_validate({"data": "YWJj"}).data == b"YWJj"


def test_an_array_may_be_given_as_lists() -> None:
    part = Part(pixels=[[1, 2]])
    assert same(part.pixels, np.array([[1, 2]]))
    with pytest.raises(ValueError, match="pixels"):
        Part(pixels="black")
    with pytest.raises(ValueError, match="pixels"):
        Part(pixels=[[1], [1, 2]])


def test_unknown_fields_are_refused_but_not_in_states() -> None:
    with pytest.raises(ValueError, match="Extra inputs"):
        Blob.model_validate({"date": b""})
    with pytest.raises(ValueError, match="Extra inputs"):
        Observation.model_validate({"dome": True})
    assert State.model_validate({"lives": 3}).model_dump()["lives"] == 3


def test_models_may_be_subclassed_with_settings_of_their_own() -> None:
    class Frozen(Action):
        model_config = ConfigDict(frozen=True)
        data: bytes = b""

    assert deserialize_action({"data": "_w=="}, Frozen).data == b"\xff"


class Unknowing:
    """A class of the environment's own, without a JSON form."""


class Odd(Observation):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    thing: Unknowing | None = None
    best: float = math.inf
    worst: dict[str, float] = Field(default_factory=lambda: {"x": math.nan})


class OddAction(Action):
    limit: float = math.inf
    thing: Unknowing | None = None


class OddEnvironment(Environment[OddAction, Odd, State]):
    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Odd:
        return Odd()

    def step(self, action: OddAction, timeout_s: float | None = None, **kwargs: Any) -> Odd:
        return Odd()

    @property
    def state(self) -> State:
        return State()


def test_models_without_a_schema_of_their_own_can_be_served() -> None:
    with serve(OddEnvironment) as server, httpx.Client(base_url=server.base_url) as http:
        for path in ("/schema", "/openapi.json"):
            answer = http.get(path)
            assert answer.status_code == 200
            json.loads(answer.content, parse_constant=pytest.fail)
        properties = http.get("/schema").json()["observation"]["properties"]
        assert {"thing", "best", "worst"} <= properties.keys()
        assert http.post("/reset").json()["observation"]["best"] is None
