from __future__ import annotations

import dataclasses
from typing import Any, Generic, TypeVar

import pytest

from openenv.core._client_models import ClientModels, payload_of, result_as, state_as
from openenv.core.env_client import EnvClient
from openenv.core.env_server.types import State
from openenv.core.exceptions import InvalidRequestError, ProtocolError
from tests.core.worlds import Add, Count

T = TypeVar("T")


@dataclasses.dataclass
class PlainCount:
    """An observation that is no model, and keeps its reward itself."""

    total: int
    reward: float | None = None


class Typed(EnvClient[Add, Count, State]):
    pass


class Below(Typed):
    pass


class Open(EnvClient[Add, T, State], Generic[T]):
    pass


class Closed(Open[Count]):
    pass


class Untyped(EnvClient):  # type: ignore[type-arg]
    pass


class Loose(EnvClient[Any, Any, Any]):
    pass


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        (Typed, (Add, Count, State)),
        (Below, (Add, Count, State)),
        (Closed, (Add, Count, State)),
        (Open, (Add, dict, State)),
        (Untyped, (dict, dict, dict)),
        (Loose, (dict, dict, dict)),
    ],
)
def test_a_clients_types_are_read_off_its_class(client: type, expected: tuple[Any, ...]) -> None:
    assert dataclasses.astuple(ClientModels.of(client, EnvClient)) == expected


def test_payloads() -> None:
    assert payload_of({"amount": 1}, Add) == b'{"amount":1}'
    assert b'"amount":1' in payload_of(Add(), Add)
    assert payload_of(PlainCount(3), Add) == b'{"total":3,"reward":null}'
    for wrong in (PlainCount, 3, "x", None):
        with pytest.raises(InvalidRequestError, match="expected Add or a dict as action"):
            payload_of(wrong, Add)


def test_results() -> None:
    payload: dict[str, object] = {"observation": {"total": 3}, "reward": 1.5, "done": True, "metadata": {"k": 1}}
    as_model = result_as(payload, Count)
    assert (as_model.observation, as_model.reward, as_model.done) == (Count(total=3, reward=1.5, done=True), 1.5, True)
    assert as_model.metadata == {"k": 1}
    assert result_as(payload, PlainCount).observation == PlainCount(3, 1.5)
    assert result_as(payload, dict).observation == {"total": 3}
    assert result_as({"observation": {}}, dict).done is False


@pytest.mark.parametrize("payload", [{}, {"observation": None}, {"observation": [1]}, {"observation": {"total": "x"}}])
def test_a_result_that_does_not_fit(payload: dict[str, object]) -> None:
    with pytest.raises(ProtocolError, match="observation"):
        result_as(payload, Count)


def test_states() -> None:
    told: dict[str, object] = {"episode_id": "e", "step_count": 1, "more": 2}
    assert state_as(told, dict) is told
    assert state_as(told, State).model_dump() == told
    with pytest.raises(ProtocolError, match="state does not fit State: step_count"):
        state_as({"step_count": "x"}, State)
