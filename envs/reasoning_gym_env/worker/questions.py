"""Asks the questions of reasoning-gym's datasets, and scores answers to them."""

from __future__ import annotations

import base64
import dataclasses
import importlib
import json
import pickle
import random
import sys
import types
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

__all__ = ["ANSWERED", "SLOW_AT_FIRST", "InvalidError", "answered", "load", "warm_up"]

_DRAWING = (
    "matplotlib",
    "matplotlib.animation",
    "matplotlib.collections",
    "matplotlib.pyplot",
    "mpl_toolkits",
    "mpl_toolkits.mplot3d",
)
# sympy imports and caches much when it is first used, which each fork would do again.
SLOW_AT_FIRST = (
    "countdown",
    "puzzle24",
    "simple_integration",
    "intermediate_integration",
    "polynomial_equations",
    "polynomial_multiplication",
)


class InvalidError(Exception):
    """What was asked for cannot be; the message says why."""


def load() -> None:
    """Import reasoning-gym, which takes seconds."""
    # cellpylib imports what it draws with. It takes a second, wants a home that it can write to, and nothing is drawn.
    for name in _DRAWING:
        sys.modules[name] = types.ModuleType(name)
    setattr(sys.modules["mpl_toolkits.mplot3d"], "Axes3D", None)  # noqa: B010 - a module declares no such attribute
    warnings.simplefilter("ignore")
    from .expressions import confine_evaluation

    confine_evaluation()
    # It is imported when it is used, which each fork would do.
    importlib.import_module("numpy.random")


@cache
def warm_up(name: str) -> None:
    """Use a dataset once, so that forks find what it imports and caches.

    Args:
        name: One of `SLOW_AT_FIRST`.
    """
    dataset = _dataset(name, {}, None, 0)
    entry = dataset[0]
    dataset.score_answer(entry["answer"], entry)


def answered(request: dict[str, Any]) -> dict[str, Any]:
    """Answer a request of the server.

    Args:
        request: `do`, and what that takes: a dataset's `name`, `config` and `level`; a `seed`; an `entry` and `answer`.

    Raises:
        InvalidError: There is no such dataset, or its config cannot be.
    """
    return ANSWERED[request.pop("do")](**request)


def _factory() -> Any:
    return importlib.import_module("reasoning_gym.factory")


def _catalogue() -> dict[str, Any]:
    factory = _factory()
    return {
        name: {
            "category": dataset.__module__.split(".")[1],
            "config": _defaults(config),
            "levels": _levels(factory.CURRICULA[name]()) if name in factory.CURRICULA else {},
        }
        for name, (dataset, config) in sorted(factory.DATASETS.items())
        if name != "composite"
    }


def _defaults(config: Any) -> dict[str, Any]:
    fields = [field for field in dataclasses.fields(config) if field.name not in ("seed", "size")]
    values = {field.name: getattr(config(), field.name) for field in fields}
    return dict(json.loads(json.dumps(values, default=str)))


def _levels(curriculum: Any) -> dict[str, Any]:
    return {name: len(attribute.levels) for name, attribute in curriculum.attributes.items()}


def _question(name: str, config: dict[str, Any], level: int | dict[str, int] | None, seed: int) -> dict[str, Any]:
    # Some draw from the chance of all.
    random.seed(seed)
    importlib.import_module("numpy.random").seed(seed % 2**32)
    entry = _dataset(name, config, level, seed)[0]
    difficulty = json.loads(json.dumps(entry["metadata"].get("difficulty", {}), default=str))
    return {
        "question": entry["question"],
        "answer": entry["answer"],
        "difficulty": difficulty if isinstance(difficulty, dict) else {"difficulty": difficulty},
        "entry": base64.b64encode(pickle.dumps(entry)).decode(),
    }


def _score(name: str, config: dict[str, Any], level: Any, seed: int, entry: str, answer: str) -> dict[str, Any]:
    asked = pickle.loads(base64.b64decode(entry))  # noqa: S301 - it is what this process made of the question
    return {"score": float(_dataset(name, config, level, seed).score_answer(answer, asked))}


def _dataset(name: str, config: dict[str, Any], level: int | dict[str, int] | None, seed: int) -> Any:
    factory = _factory()
    if name not in factory.DATASETS or name == "composite":
        raise InvalidError(f"expected dataset as one of reasoning-gym's, got {name!r}: list_datasets has them")
    dataset, config_class = factory.DATASETS[name]
    fields = [field.name for field in dataclasses.fields(config_class) if field.name not in ("seed", "size")]
    unknown = [key for key in config if key not in fields]
    if unknown:
        raise InvalidError(f"the config of {name!r} has no {unknown[0]!r}: it has {', '.join(fields)}")
    settings = {**_settings_at(name, level), **config}
    try:
        # Some draw from numpy's own chance, whose seeds have 32 bits.
        return dataset(config_class(**settings, seed=seed % 2**32, size=1))
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidError(f"the config {config} of {name!r} cannot be: {_told(error)}") from error


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _settings_at(name: str, level: int | dict[str, int] | None) -> dict[str, Any]:
    """Return the config of a curriculum's level, as far as the level decides it."""
    factory = _factory()
    if level is None:
        return {}
    if name not in factory.CURRICULA:
        raise InvalidError(f"the dataset {name!r} has no curriculum: give a config in place of a level")
    curriculum = factory.CURRICULA[name]()
    _set_level(name, curriculum, level)
    config = curriculum.generate_configuration()
    return {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(config)
        if field.name not in ("seed", "size")
    }


def _set_level(name: str, curriculum: Any, level: int | dict[str, int]) -> None:
    counts = _levels(curriculum)
    if isinstance(level, int):
        highest = max(counts.values(), default=1) - 1
        if not 0 <= level <= highest:
            raise InvalidError(f"expected a level of {name!r} from 0 to {highest}, got {level}")
        curriculum.set_global_level(level)
        return
    for attribute, wanted in level.items():
        if attribute not in counts:
            raise InvalidError(f"the curriculum of {name!r} has no {attribute!r}: it has {', '.join(counts)}")
        if not 0 <= wanted < counts[attribute]:
            raise InvalidError(f"expected {attribute!r} of {name!r} from 0 to {counts[attribute] - 1}, got {wanted}")
        curriculum.set_attr_level(attribute, wanted)


ANSWERED: dict[str, Callable[..., dict[str, Any]]] = {"catalogue": _catalogue, "question": _question, "score": _score}
