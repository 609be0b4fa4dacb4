from __future__ import annotations

import asyncio
from typing import Any

import pytest

from openenv.core.exceptions import ConfigurationError
from openenv.core.rubrics import Gate, Rubric, RubricDict, RubricList, Sequential, WeightedSum
from tests.core.rubrics.scoring import GOING_ON, Awaited, Given, ask


def test_a_sequence_gives_the_last_score_and_stops_at_zero() -> None:
    last = Given(0.5)

    assert Sequential(Given(0.9), last)("move", GOING_ON) == 0.5
    assert Sequential(Given(0), last)("move", GOING_ON) == 0.0
    assert asyncio.run(ask(Sequential(Given(1), Awaited(0.0), last))) == 0.0
    assert last.calls == 1
    assert asyncio.run(ask(Sequential(Awaited(1.0), last))) == 0.5
    assert Sequential()("move", GOING_ON) == 1.0


@pytest.mark.parametrize(("score", "expected"), [(0.69, 0.0), (0.7, 0.7), (0.9, 0.9)])
def test_a_gate_lets_through_what_reaches_its_threshold(score: float, expected: float) -> None:
    assert Gate(Given(score), threshold=0.7)("move", GOING_ON) == expected
    assert asyncio.run(ask(Gate(Awaited(score), threshold=0.7))) == expected


def test_a_gate_wants_all_unless_told_otherwise() -> None:
    gate = Gate(Given(0.99))

    assert (gate("move", GOING_ON), gate.threshold) == (0.0, 1.0)
    assert gate.get_rubric("rubric").last_score == 0.99


def test_a_weighted_sum() -> None:
    rubric = WeightedSum([Given(1.0), Given(0.5)], weights=[0.75, 0.25])

    assert rubric("move", GOING_ON) == 0.875
    assert rubric.weights == [0.75, 0.25]
    assert (len(rubric), rubric[1].last_score, [each.last_score for each in rubric]) == (2, 0.5, [1.0, 0.5])


@pytest.mark.parametrize(
    ("count", "weights", "told"),
    [
        (2, [0.5], "expected a weight for each of 2 rubrics, got 1"),
        (2, [0.5, 0.6], "expected weights that are 1.0 together, got 0.5, 0.6, which are 1.1"),
        (0, [], "got none, which are 0"),
    ],
)
def test_weights_that_cannot_be(count: int, weights: list[float], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        WeightedSum([Given(1.0)] * count, weights)


def test_what_is_no_rubric_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="expected a Rubric as 'rubric_0' of Sequential, got list"):
        Sequential([Given(1.0)])  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="expected a Rubric as 'rubric' of Gate, got float"):
        Gate(0.5)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="expected a Rubric as 'x' of RubricDict, got ABCMeta"):
        RubricDict({"x": Given})  # type: ignore[dict-item]


async def _begun_together(rubric: Any, parts: list[Awaited], let: asyncio.Event) -> Any:
    asking = asyncio.ensure_future(ask(rubric))
    # None of them goes on before all have begun.
    await asyncio.gather(*(part.began.wait() for part in parts))
    let.set()
    return await asking


def test_asynchronous_parts_are_asked_all_at_once() -> None:
    async def play() -> Any:
        let = asyncio.Event()
        parts = [Awaited(0.5, let), Awaited(1.0, let)]
        return await _begun_together(WeightedSum([*parts, Given(1.0)], [0.25, 0.25, 0.5]), parts, let)

    assert asyncio.run(play()) == 0.875


def test_one_that_fails_ends_the_others() -> None:
    class Failing(Rubric):
        async def forward(self, action: Any, observation: Any) -> float:
            raise LookupError("no key")

    async def play() -> bool:
        waiting = Awaited(1.0, asyncio.Event())
        with pytest.raises(LookupError, match="no key"):
            await ask(WeightedSum([waiting, Failing()], [0.5, 0.5]))
        return waiting.was_cancelled

    assert asyncio.run(play())


def test_one_that_fails_at_once_leaves_nothing_unawaited() -> None:
    with pytest.raises(ArithmeticError):
        WeightedSum([Awaited(1.0), _Broken()], [0.5, 0.5])("move", GOING_ON)


class _Broken(Rubric):
    def forward(self, action: Any, observation: Any) -> float:
        raise ArithmeticError("broken")


def test_a_list_is_for_a_rubric_that_makes_something_of_it() -> None:
    parts = RubricList([Given(0.5)])
    parts.append(Given(1.0))
    parts.extend([Awaited(0.25)])

    assert [name for name, _ in parts.named_children()] == ["rubric_0", "rubric_1", "rubric_2"]
    assert (len(parts), parts[-1], parts[0:2]) == (3, parts.rubric_2, [parts.rubric_0, parts.rubric_1])
    assert asyncio.run(_evaluated(parts)) == [0.5, 1.0, 0.25]
    assert RubricList(parts[:2]).evaluate("move", GOING_ON) == [0.5, 1.0]
    with pytest.raises(NotImplementedError, match=r"a RubricList has no score of its own: .*evaluate\("):
        parts("move", GOING_ON)


async def _evaluated(parts: Any) -> Any:
    return await parts.evaluate("move", GOING_ON)


def test_a_dictionary_is_for_a_rubric_that_chooses_from_it() -> None:
    class ByGame(Rubric):
        def __init__(self) -> None:
            self.games = RubricDict({"pong": Given(0.5), "keys": Given(0.25)})

        def forward(self, action: Any, observation: Any) -> Any:
            return self.games[action](action, observation)

    rubric = ByGame()
    games = rubric.games

    assert (rubric("pong", GOING_ON), rubric("keys", GOING_ON)) == (0.5, 0.25)
    assert rubric.last_scores() == {"games": None, "games.pong": None, "games.keys": 0.25}
    assert (list(games), list(games.keys()), len(games), "pong" in games) == (
        ["pong", "keys"],
        ["pong", "keys"],
        2,
        True,
    )
    assert games.evaluate("move", GOING_ON) == {"pong": 0.5, "keys": 0.25}
    games["chess"] = Awaited(1.0)
    del games["pong"]
    assert asyncio.run(_evaluated(games)) == {"keys": 0.25, "chess": 1.0}
    assert (list(games.values()), dict(games.items())["chess"]) == ([games["keys"], games["chess"]], games.chess)
    with pytest.raises(NotImplementedError, match="a RubricDict has no score of its own"):
        games("move", GOING_ON)
