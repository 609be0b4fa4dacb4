"""An environment played in a process of its own, in which strings have other hashes."""

from __future__ import annotations

import importlib.util
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.env_server.environment_spec import EnvironmentSpec
from ..core.env_server.interpreter import interpreter_flags
from ..core.env_server.lifeline import die_with
from ..core.env_server.workers.recipe import WorkerRecipe
from ..core.exceptions import ConfigurationError
from ._environment_check import LeftOut, brief, quietly
from ._environment_subject import Fields, LocalSubject, Plan

__all__ = ["Elsewhere", "main"]

_BOOT = f"import sys; sys.path[:] = {{path!r}}; from {__name__} import main; main()"


@dataclass(frozen=True)
class _Module:
    """A module that is not on the path of imports, or stands behind another of its name there."""

    name: str
    file: str

    @classmethod
    def of(cls, spec: EnvironmentSpec) -> _Module | None:
        """Return the outermost module that an environment comes from; `None` where it has no file."""
        name = (spec.environment_class or spec.factory).__module__.partition(".")[0]
        file = getattr(sys.modules.get(name), "__file__", None)
        return cls(name, file) if file else None

    def load(self) -> None:
        """Import it from its file."""
        found = importlib.util.find_spec(self.name)
        if found is not None and found.origin == self.file:
            return
        places = [os.path.dirname(self.file)] if Path(self.file).stem == "__init__" else None
        spec = importlib.util.spec_from_file_location(self.name, self.file, submodule_search_locations=places)
        if spec is None or spec.loader is None:
            return
        sys.modules[self.name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)


@dataclass(frozen=True)
class _Request:
    """What is to be played."""

    recipe: WorkerRecipe
    module: _Module | None
    plan: Plan
    actions: Sequence[Fields]


class Elsewhere:
    """A process that plays one episode."""

    def __init__(self, spec: EnvironmentSpec, plan: Plan, actions: Sequence[Fields]) -> None:
        """Take an environment, and the episode.

        Raises:
            LeftOut: Another process cannot import the environment.
        """
        try:
            recipe = WorkerRecipe.of(spec)
        except ConfigurationError as error:
            raise LeftOut("it is not defined at the top of a module, where another process finds it") from error
        if recipe.main is not None:
            raise LeftOut("it is defined in the script that runs, and not in a module that another process can import")
        self._request = pickle.dumps(_Request(recipe, _Module.of(spec), plan, actions))

    def play(self, hash_seed: int) -> Iterator[str]:
        """Yield what is shown at the reset and after each action.

        Args:
            hash_seed: What the hashes of strings follow from.

        Raises:
            LeftOut: It cannot be played there.
        """
        command = [sys.executable, *interpreter_flags(), "-c", _BOOT.format(path=sys.path)]
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
            start_new_session=True,
        ) as process:
            if process.stdin is None or process.stdout is None:
                raise AssertionError("both are pipes")
            process.stdin.write(self._request)
            process.stdin.flush()
            told: dict[str, str] = {}
            for line in process.stdout:
                told = json.loads(line)
                if "shown" in told:
                    yield told["shown"]
        if "end" not in told:
            raise LeftOut(f"another process cannot play it: {told.get('problem') or 'it did not come to its end'}")


def main() -> None:
    """Play what is read from standard input, and write what is shown to standard output, an object of JSON a line."""
    # What the environment prints is not for whoever reads this.
    with os.fdopen(os.dup(1), "w", buffering=1) as lines, quietly():
        os.dup2(2, 1)
        request: _Request = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started this one
        die_with(0, and_group=True)
        try:
            for shown in _shown(request):
                print(json.dumps({"shown": shown}), file=lines)
        except Exception as error:  # noqa: BLE001 - the boundary of this process
            print(json.dumps({"problem": brief(error)}), file=lines)
        else:
            print(json.dumps({"end": True}), file=lines)


def _shown(request: _Request) -> Iterator[str]:
    if request.module is not None:
        request.module.load()
    with LocalSubject(request.recipe.prepare(), request.plan, None).session() as session:
        for turn in session.go_on(request.actions, session.begin()):
            yield turn.shown
