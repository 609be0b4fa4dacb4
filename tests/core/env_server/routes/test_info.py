from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import Action, EnvironmentMetadata, Observation, State
from openenv.testing import serve
from tests.core.worlds import Counter


class Piece(BaseModel):
    name: str
    beside: "Piece | None" = None  # noqa: UP037


class Move(Action):
    piece: Piece
    targets: list[Piece]


class Board(Observation):
    pieces: list[Piece]


class Board2(Observation):
    shown_at_first: str


class Chess(Environment[Move, Board, State]):
    """Play chess.

    Against nobody.
    """

    SUPPORTS_CONCURRENT_SESSIONS = True

    def reset(self, seed: int | None = None, episode_id: str | None = None, size: int = 8, **kwargs: Any) -> Board:
        return Board(pieces=[])

    def step(self, action: Move, timeout_s: float | None = None, **kwargs: Any) -> Board:
        return Board(pieces=[])

    @property
    def state(self) -> State:
        return State()


@pytest.fixture(scope="module")
def web() -> Iterator[httpx.Client]:
    with serve(Chess, reset_observation_cls=Board2) as server, httpx.Client(base_url=server.base_url) as web:
        yield web


def test_health(web: httpx.Client) -> None:
    assert web.get("/health").json()["status"] == "healthy"


def test_metadata_by_default_are_the_class_and_its_docstring(web: httpx.Client) -> None:
    told = web.get("/metadata").json()
    assert (told["name"], told["description"], told["version"]) == (
        "Chess",
        "Play chess.\n\nAgainst nobody.",
        "1.0.0",
    )


def test_metadata_of_the_environments_own() -> None:
    made: list[object] = []

    class Described(Counter):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

        def get_metadata(self) -> EnvironmentMetadata:
            return EnvironmentMetadata(name="mine", description="own words", author="me")

        def close(self) -> None:
            made.remove(self)

    with serve(Described, max_concurrent_envs=1) as server, httpx.Client(base_url=server.base_url) as web:
        web.post("/reset")
        for _ in range(2):
            told = web.get("/metadata").json()
            assert (told["name"], told["description"], told["author"]) == ("mine", "own words", "me")
        # The session's; the one that was asked is gone.
        assert len(made) == 1


def test_an_environment_of_another_name() -> None:
    with serve(Chess, env_name="chess-960") as server, httpx.Client(base_url=server.base_url) as web:
        assert web.get("/metadata").json()["name"] == "chess-960"
        assert web.get("/list_environments").json() == ["chess-960"]


def test_schemas(web: httpx.Client) -> None:
    told = web.get("/schema").json()
    assert told.keys() == {"action", "observation", "reset_observation", "state", "reset"}
    assert {name: told[name]["title"] for name in told if name != "reset"} == {
        "action": "Move",
        "observation": "Board",
        "reset_observation": "Board2",
        "state": "State",
    }
    assert told["reset"]["properties"]["size"]["type"] == "integer"


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def resolve(document: Any, reference: str) -> Any:
    assert reference.startswith("#/")
    node = document
    for part in reference[2:].split("/"):
        node = node[part.replace("~1", "/").replace("~0", "~")]
    return node


def test_the_openapi_document_holds_together(web: httpx.Client) -> None:
    answer = web.get("/openapi.json")
    document = json.loads(answer.content, parse_constant=pytest.fail)
    assert {"/reset", "/step", "/state", "/health", "/schema", "/metadata"} <= document["paths"].keys()
    found = list(references(document))
    assert found
    for reference in found:
        assert resolve(document, reference)
    assert web.get("/docs").status_code == 200


def test_an_environment_that_cannot_be_made_is_described_by_its_class() -> None:
    class Unmakeable(Counter):
        """Needs a display."""

        def __init__(self) -> None:
            raise OSError("no display")

    with serve(Unmakeable) as server, httpx.Client(base_url=server.base_url) as web:
        assert web.get("/metadata").json()["description"] == "Needs a display."
        assert web.get("/schema").status_code == 200
