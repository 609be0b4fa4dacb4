from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from openenv.core.exceptions import ConfigurationError, RubricError
from openenv.core.rubrics import Rubric, RubricDict, RubricList, Sequential, WeightedSum
from tests.core.rubrics.scoring import ENDED, GOING_ON, Awaited, Given, ask


class Quality(Rubric):
    """A half of the form, and a half of the style."""

    def __init__(self) -> None:
        self.form = Given(0.5)
        self.style = Sequential(Given(1.0), Given(0.25))

    def forward(self, action: Any, observation: Any) -> Any:
        return (self.form(action, observation) + self.style(action, observation)) / 2


class Kept(Rubric):
    """Has a setting that lasts, as authors write one."""

    def __init__(self, bonus: float = 0.0) -> None:
        super().__init__()
        self.bonus = bonus

    def forward(self, action: Any, observation: Any) -> float:
        return self.bonus

    def state_dict(self) -> dict[str, Any]:
        return {"bonus": self.bonus, **super().state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.bonus = state.get("bonus", self.bonus)
        super().load_state_dict(state)


def test_every_node_keeps_the_score_of_the_last_call() -> None:
    rubric = Quality()
    assert rubric.report() == {"score": None, "scores": dict.fromkeys(dict(rubric.named_rubrics()))}

    assert rubric("move", GOING_ON) == 0.375

    assert (rubric.last_score, rubric.form.last_score, rubric.style.last_score) == (0.375, 0.5, 0.25)
    assert rubric.last_scores() == {"form": 0.5, "style": 0.25, "style.rubric_0": 1.0, "style.rubric_1": 0.25}
    assert rubric.report() == {"score": 0.375, "scores": rubric.last_scores()}


def test_what_the_last_call_did_not_ask_has_no_score_of_an_earlier_one() -> None:
    first, second = Given(1.0), Given(0.5)
    rubric = Sequential(first, second)
    rubric("move", GOING_ON)
    first.score = 0.0

    rubric("move", GOING_ON)

    assert (first.last_score, second.last_score) == (0.0, None)


def test_a_call_that_fails_leaves_no_score() -> None:
    rubric = Given(1.0)
    rubric("move", GOING_ON)
    rubric.score = "much"

    with pytest.raises(RubricError, match=r"expected a number from Given\.forward, got str: 'much'"):
        rubric("move", GOING_ON)

    assert rubric.last_score is None


@pytest.mark.parametrize("score", [1, True, np.float32(1.0), np.array(1.0), Decimal(1)])
def test_scores_are_floats(score: Any) -> None:
    given = Given(score)("move", GOING_ON)

    assert (type(given), given) == (float, 1.0)


@pytest.mark.parametrize("score", [None, "1", b"1", [1.0, 2.0], GOING_ON])
def test_what_is_no_number_is_refused(score: Any) -> None:
    with pytest.raises(RubricError, match="expected a number"):
        Given(score)("move", GOING_ON)


@pytest.mark.parametrize("score", [float("nan"), float("inf"), np.float64("-inf"), Decimal("NaN")])
def test_what_would_spoil_every_sum_is_refused_where_it_comes_from(score: Any) -> None:
    rubric = WeightedSum([Given(1.0), Given(score)], weights=[0.5, 0.5])

    with pytest.raises(RubricError, match=r"number from Given\.forward, got "):
        rubric("move", GOING_ON)

    assert rubric.last_score is None


def test_children_have_names_and_paths() -> None:
    rubric = Quality()

    assert dict(rubric.named_children()) == {"form": rubric.form, "style": rubric.style}
    assert list(rubric.children()) == [rubric.form, rubric.style]
    assert list(rubric.rubrics()) == [rubric.form, rubric.style, *rubric.style]
    assert [path for path, _ in rubric.named_rubrics("q")] == [
        "q.form",
        "q.style",
        "q.style.rubric_0",
        "q.style.rubric_1",
    ]
    assert rubric.get_rubric("style.rubric_1") is rubric.style[1]
    assert repr(rubric) == "Quality(form=Given(), style=Sequential(rubric_0=Given(), rubric_1=Given()))"


@pytest.mark.parametrize("path", ["", "style.rubric_2", "form.style"])
def test_a_path_that_leads_nowhere(path: str) -> None:
    with pytest.raises(KeyError, match=r"no rubric .* in Quality, which has 'form', 'style', 'style.rubric_0'"):
        Quality().get_rubric(path)


def test_children_are_replaced_and_taken_away() -> None:
    rubric = Quality()
    other = Given(1.0)

    rubric.form = other
    assert dict(rubric.named_children())["form"] is other
    del rubric.form
    rubric.style = None  # type: ignore[assignment]

    assert list(rubric.children()) == []
    with pytest.raises(AttributeError, match="'Quality' object has no attribute 'form'"):
        rubric.form  # noqa: B018 - the access is what is tested


def test_a_rubric_cannot_be_a_part_of_itself() -> None:
    outer = Quality()

    with pytest.raises(ConfigurationError, match="Given cannot be a part of itself, as its 'parent'"):
        outer.form.parent = outer

    with pytest.raises(ConfigurationError, match="cannot be a part of itself"):
        outer.itself = outer


def test_hooks_are_called_around_forward_and_can_be_taken_away() -> None:
    seen: list[tuple[Any, ...]] = []
    rubric = Given(0.5)
    before = rubric.register_forward_pre_hook(lambda *asked: seen.append(asked))
    after = rubric.register_forward_hook(lambda *asked: seen.append(asked))

    rubric("move", ENDED)
    before.remove()
    after.remove()
    after.remove()
    rubric("move", ENDED)

    assert seen == [(rubric, "move", ENDED), (rubric, "move", ENDED, 0.5)]


def test_hooks_may_be_asynchronous_and_see_the_score_that_is_kept() -> None:
    seen: list[Any] = []

    async def note(rubric: Rubric, action: Any, observation: Any, score: float) -> None:
        await asyncio.sleep(0)
        seen.append((rubric.last_score, score))

    rubric = Given(0.5)
    rubric.register_forward_hook(note)

    assert asyncio.run(ask(rubric)) == 0.5
    assert seen == [(0.5, 0.5)]


def test_an_asynchronous_child_makes_what_asks_it_awaitable() -> None:
    class Doubled(Rubric):
        def __init__(self) -> None:
            self.judge = Awaited(0.25)
            self.form = Given(1.0)

        async def forward(self, action: Any, observation: Any) -> Any:
            return 2 * await self.judge(action, observation) * self.form(action, observation)

    rubric = Doubled()

    assert asyncio.run(ask(rubric)) == 0.5
    assert rubric.last_scores() == {"judge": 0.25, "form": 1.0}


def test_what_an_asynchronous_rubric_raises_reaches_the_caller() -> None:
    class Failing(Rubric):
        async def forward(self, action: Any, observation: Any) -> float:
            raise LookupError("no key")

    with pytest.raises(LookupError, match="no key"):
        asyncio.run(ask(Sequential(Failing(), Given(1.0))))


def test_settings_travel_under_the_paths_of_those_they_belong_to() -> None:
    def made(*bonuses: float) -> RubricDict:
        return RubricDict({"a": Kept(bonuses[0]), "a.b": RubricList([Kept(bonuses[1]), Given(1.0)])})

    rubric, other = made(1.0, 2.0), made(0.0, 0.0)
    state = rubric.state_dict()
    assert state == {"a.bonus": 1.0, "a.b.rubric_0.bonus": 2.0}

    other.load_state_dict(state)
    assert other.state_dict() == state

    with pytest.raises(KeyError, match=r"no child for 'c\.bonus' in RubricDict, whose children are 'a', 'a\.b'"):
        other.load_state_dict({"c.bonus": 1.0})


def test_a_reset_reaches_every_node() -> None:
    class Counting(Given):
        def reset(self) -> None:
            super().reset()
            self.calls = 0

    part = Counting(1.0)
    rubric = WeightedSum([part], [1.0])
    rubric("move", GOING_ON)

    rubric.reset()

    assert (part.calls, part.last_score, rubric.last_score) == (0, None, None)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda rubric: pickle.loads(pickle.dumps(rubric))])
def test_copies_have_children_of_their_own(again: Any) -> None:
    rubric = Quality()

    copied = again(rubric)

    assert copied("move", GOING_ON) == 0.375
    assert rubric.form.calls == 0
    assert copied.get_rubric("form") is copied.form
