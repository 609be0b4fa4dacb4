"""Rubrics made of others: all of them weighted, one after the other, one as a condition, and plain collections."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..exceptions import ConfigurationError
from ._evaluation import Evaluation, after, run, together
from .base import Rubric

__all__ = ["Gate", "RubricDict", "RubricList", "Sequential", "WeightedSum"]


def _numbered(parent: Rubric, rubrics: Iterable[object]) -> None:
    for rubric in rubrics:
        parent._add_child(f"rubric_{len(parent._rubric_children)}", rubric)


class _Numbered(Rubric):
    """Has its children by number: `rubric_0`, `rubric_1` and so on."""

    def __len__(self) -> int:
        return len(self._rubric_children)

    def __getitem__(self, index: Any) -> Any:
        return list(self._rubric_children.values())[index]

    def __iter__(self) -> Iterator[Rubric]:
        return self.children()


class Sequential(_Numbered):
    """Asks one rubric after the other, and stops with 0 at the first that gives 0; else gives the last one's score."""

    def __init__(self, *rubrics: Rubric) -> None:
        """Make one of rubrics, cheap ones first.

        Raises:
            ConfigurationError: One of them is no rubric.
        """
        _numbered(self, rubrics)

    def forward(self, action: Any, observation: Any) -> Any:
        """Return the last rubric's score, or 0 where one gave 0; 1 where there are none."""
        return run(self._one_by_one(action, observation))

    def _one_by_one(self, action: Any, observation: Any) -> Evaluation[float]:
        score = 1.0
        for rubric in self:
            score = yield rubric(action, observation)
            if score == 0:
                break
        return score


class Gate(Rubric):
    """Gives another rubric's score where that reaches a threshold, and 0 where it does not.

    Attributes:
        rubric: The other rubric.
        threshold: The least score that counts.
    """

    rubric: Rubric

    def __init__(self, rubric: Rubric, threshold: float = 1.0) -> None:
        """Make a gate.

        Args:
            rubric: The other rubric.
            threshold: The least score that counts.

        Raises:
            ConfigurationError: It is no rubric.
        """
        self._add_child("rubric", rubric)
        self.rubric = rubric
        self.threshold = threshold

    def forward(self, action: Any, observation: Any) -> Any:
        """Return the rubric's score, or 0 where it is below the threshold."""
        return after(self.rubric(action, observation), self._passed)

    def _passed(self, score: float) -> float:
        return score if score >= self.threshold else 0.0


class WeightedSum(_Numbered):
    """Adds up the scores of several rubrics, each times its weight. Those to be awaited are asked all at once."""

    def __init__(self, rubrics: Sequence[Rubric], weights: Sequence[float]) -> None:
        """Make a sum.

        Args:
            rubrics: The rubrics.
            weights: A weight for each; together they are 1.

        Raises:
            ConfigurationError: There are not as many weights as rubrics, or they are not 1 together.
        """
        if len(rubrics) != len(weights):
            raise ConfigurationError(
                f"expected a weight for each of {len(rubrics)} rubrics, got {len(weights)} weights"
            )
        total = math.fsum(weights)
        if not math.isclose(total, 1.0, abs_tol=1e-6):
            told = ", ".join(f"{weight:g}" for weight in weights) or "none"
            raise ConfigurationError(f"expected weights that are 1.0 together, got {told}, which are {total:g}")
        _numbered(self, rubrics)
        self._weights = tuple(float(weight) for weight in weights)

    @property
    def weights(self) -> list[float]:
        """Return the weights, in the order of the rubrics."""
        return list(self._weights)

    def forward(self, action: Any, observation: Any) -> Any:
        """Return the weighted sum of the rubrics' scores."""
        return after(together(self.children(), action, observation), self._summed)

    def _summed(self, scores: list[float]) -> float:
        return sum(score * weight for score, weight in zip(scores, self._weights, strict=True))


class RubricList(_Numbered):
    """Holds rubrics in order, for a rubric that says what their scores come to."""

    def __init__(self, rubrics: Iterable[Rubric] | None = None) -> None:
        """Make a list.

        Raises:
            ConfigurationError: One of them is no rubric.
        """
        _numbered(self, rubrics or ())

    def append(self, rubric: Rubric) -> None:
        """Add a rubric at the end."""
        _numbered(self, (rubric,))

    def extend(self, rubrics: Iterable[Rubric]) -> None:
        """Add rubrics at the end."""
        _numbered(self, rubrics)

    def evaluate(self, action: Any, observation: Any) -> Any:
        """Return the rubrics' scores in order; an awaitable of them where some are asynchronous, asked all at once."""
        return together(self.children(), action, observation)

    def forward(self, action: Any, observation: Any) -> Any:
        """Refuse: a list does not say what its scores come to.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(
            "a RubricList has no score of its own: give it to a rubric whose forward makes one of "
            "self.parts.evaluate(action, observation), or use WeightedSum"
        )


class RubricDict(Rubric):
    """Holds rubrics by name, for a rubric that says which of them to ask, or what their scores come to."""

    def __init__(self, rubrics: Mapping[str, Rubric] | None = None) -> None:
        """Make a dictionary.

        Raises:
            ConfigurationError: One of them is no rubric.
        """
        self.update(rubrics or {})

    def __setitem__(self, name: str, rubric: Rubric) -> None:
        self._add_child(name, rubric)

    def __getitem__(self, name: str) -> Rubric:
        return self._rubric_children[name]

    def __delitem__(self, name: str) -> None:
        del self._own_children()[name]

    def __contains__(self, name: object) -> bool:
        return name in self._rubric_children

    def __len__(self) -> int:
        return len(self._rubric_children)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rubric_children)

    def keys(self) -> Iterator[str]:
        """Return the names."""
        return iter(self._rubric_children)

    def values(self) -> Iterator[Rubric]:
        """Return the rubrics."""
        return self.children()

    def items(self) -> Iterator[tuple[str, Rubric]]:
        """Return the names with their rubrics."""
        return self.named_children()

    def update(self, rubrics: Mapping[str, Rubric]) -> None:
        """Add rubrics, in the place of those of the same names."""
        for name, rubric in rubrics.items():
            self[name] = rubric

    def evaluate(self, action: Any, observation: Any) -> Any:
        """Return the rubrics' scores by name; an awaitable of them where some are asynchronous, asked all at once."""
        return after(together(self.children(), action, observation), self._named)

    def _named(self, scores: list[float]) -> dict[str, float]:
        return dict(zip(self, scores, strict=True))

    def forward(self, action: Any, observation: Any) -> Any:
        """Refuse: a dictionary does not say what its scores come to.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(
            "a RubricDict has no score of its own: give it to a rubric whose forward asks one of them, as "
            "self.parts[name](action, observation), or makes one of self.parts.evaluate(action, observation)"
        )
