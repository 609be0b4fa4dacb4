"""How a worker process is told which environment to serve: by name, as another process imports it."""

from __future__ import annotations

import logging
import os
import pickle
from dataclasses import dataclass
from multiprocessing import spawn
from typing import Any

from ...exceptions import ConfigurationError
from ..environment_spec import EnvironmentFactory, EnvironmentSpec, declared_models
from ..types import Action, Observation, State

__all__ = ["WorkerRecipe"]

_MAIN = b"__main__"


@dataclass(frozen=True)
class WorkerRecipe:
    """What a worker process needs to make an environment.

    Attributes:
        spec: The environment, pickled.
        main: What it takes to import the script that the server was started as; `None` where nothing is defined there.
        memory_limit_mb: The most memory the process may take, in MiB; `None` for no limit.
        log_level: The level from which on its log records are wanted.
    """

    spec: bytes
    main: dict[str, Any] | None
    memory_limit_mb: float | None = None
    log_level: int = logging.WARNING

    @classmethod
    def of(cls, spec: EnvironmentSpec, memory_limit_mb: float | None = None) -> WorkerRecipe:
        """Return the recipe of an environment.

        Raises:
            ConfigurationError: Another process cannot import the environment, or one of its models.
        """
        parts = _Parts.of(spec)
        for name, part in vars(parts).items():
            _check(name, part)
        pickled = pickle.dumps(parts)
        return cls(pickled, _main() if _MAIN in pickled else None, memory_limit_mb, logging.getLogger().level)

    def prepare(self) -> EnvironmentSpec:
        """Import the environment, and the server's script where it is defined there; return what is known of it."""
        if self.main is not None:
            spawn.prepare(self.main)
        parts: _Parts = pickle.loads(self.spec)  # noqa: S301 - from the server that started this process
        return parts.spec()


@dataclass(frozen=True)
class _Parts:
    """A spec without the models that follow from the environment's class, which may have no name of their own."""

    factory: EnvironmentFactory
    name: str
    action: type[Action] | None
    observation: type[Observation] | None
    reset_observation: type[Observation] | None
    state: type[State] | None

    @classmethod
    def of(cls, spec: EnvironmentSpec) -> _Parts:
        declared = declared_models(spec.factory)
        given = {
            name: None if declared.get(name) is getattr(spec, name) else getattr(spec, name)
            for name in ("action", "observation", "state")
        }
        shown_first = None if spec.reset_observation is spec.observation else spec.reset_observation
        return cls(spec.factory, spec.name, reset_observation=shown_first, **given)

    def spec(self) -> EnvironmentSpec:
        return EnvironmentSpec.of(
            self.factory,
            self.action,
            self.observation,
            state=self.state,
            reset_observation=self.reset_observation,
            name=self.name,
        )


def _check(name: str, part: object) -> None:
    try:
        pickle.dumps(part)
    except (pickle.PicklingError, AttributeError, TypeError) as exc:
        raise ConfigurationError(
            f"isolation='process' imports the environment in a process of its own, but the {name} cannot be imported "
            f"there: {exc}. Give a class or a function defined at the top of a module, or functools.partial of one; or "
            f"use isolation='thread'"
        ) from exc


def _main() -> dict[str, Any]:
    """Return what `multiprocessing` tells its processes of the script that this one was started as."""
    data = spawn.get_preparation_data("openenv-worker")
    path = data.get("init_main_from_path")
    if "init_main_from_name" not in data and not (path and os.path.isfile(path)):
        raise ConfigurationError(
            "isolation='process' imports the environment in a process of its own, but it was defined where that "
            "process cannot find it, such as a notebook: put it into a module, or use isolation='thread'"
        )
    # The rest is for multiprocessing's own processes.
    wanted = ("sys_argv", "init_main_from_name", "init_main_from_path")
    return {name: data[name] for name in wanted if name in data}
