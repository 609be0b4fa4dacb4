"""Rubrics: what an environment's rewards are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._lazy import lazy_names

if TYPE_CHECKING:
    from .base import HookHandle, Rubric
    from .containers import Gate, RubricDict, RubricList, Sequential, WeightedSum
    from .llm_judge import LLMJudge
    from .trajectory import ExponentialDiscountingTrajectoryRubric, TrajectoryRubric

__all__ = [
    "ExponentialDiscountingTrajectoryRubric",
    "Gate",
    "HookHandle",
    "LLMJudge",
    "Rubric",
    "RubricDict",
    "RubricList",
    "Sequential",
    "TrajectoryRubric",
    "WeightedSum",
]

_MODULES = {
    "ExponentialDiscountingTrajectoryRubric": ".trajectory",
    "Gate": ".containers",
    "HookHandle": ".base",
    "LLMJudge": ".llm_judge",
    "Rubric": ".base",
    "RubricDict": ".containers",
    "RubricList": ".containers",
    "Sequential": ".containers",
    "TrajectoryRubric": ".trajectory",
    "WeightedSum": ".containers",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
