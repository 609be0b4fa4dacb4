"""A directory of installed packages, made for one test."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

__all__ = ["DICE", "OLD_DICE", "TOOLS", "SitePackages", "site"]

# An environment as it is written today; its die always falls on the highest face.
DICE = {
    "__init__.py": """
        from .models import DiceAction, DiceObservation
        from .client import DiceEnv
        __all__ = ["DiceAction", "DiceEnv", "DiceObservation"]
    """,
    "models.py": """
        from openenv import Action, Observation

        class DiceAction(Action):
            sides: int

        class DiceObservation(Observation):
            face: int
            note: str = ""
    """,
    "client.py": """
        from openenv import EnvClient, State
        from .models import DiceAction, DiceObservation

        class DiceEnv(EnvClient[DiceAction, DiceObservation, State]):
            pass
    """,
    "server/__init__.py": "",
    "server/app.py": """
        import os
        from openenv import Environment, State, create_app
        from ..models import DiceAction, DiceObservation

        class DiceEnvironment(Environment[DiceAction, DiceObservation, State]):
            SUPPORTS_CONCURRENT_SESSIONS = True

            def __init__(self):
                self._state = State()

            def reset(self, seed=None, episode_id=None):
                return DiceObservation(face=0, note=os.environ.get("DICE_NOTE", ""))

            def step(self, action, timeout_s=None):
                return DiceObservation(face=action.sides, reward=float(action.sides))

            @property
            def state(self):
                return self._state

        app = create_app(DiceEnvironment, env_name="dice_env")
    """,
    "openenv.yaml": """
        spec_version: 1
        name: dice_env
        description: Rolls a die
        app: server.app:app
        port: 8123
    """,
}

# The same as it lies on the Hub: nothing but `openenv.yaml` tells what it is, and the server says what its models are.
OLD_DICE = DICE | {
    "client.py": """
        from typing import Any, Dict
        from openenv.core.client_types import StepResult
        from openenv.core.env_client import EnvClient
        from openenv.core.env_server.types import State
        from .models import DiceAction, DiceObservation

        class DiceEnv(EnvClient[DiceAction, DiceObservation, State]):
            def _step_payload(self, action: DiceAction) -> Dict[str, Any]:
                return {"sides": action.sides}

            def _parse_result(self, payload: Dict[str, Any]) -> StepResult[DiceObservation]:
                face = payload["observation"]["face"]
                return StepResult(observation=DiceObservation(face=face), reward=payload["reward"], done=False)

            def _parse_state(self, payload: Dict[str, Any]) -> State:
                return State(**payload)
    """,
    "server/app.py": """
        from openenv.core.env_server import create_app
        from openenv.core.env_server.interfaces import Environment
        from openenv.core.env_server.types import State
        try:
            from ..models import DiceAction, DiceObservation
        except ImportError:
            from models import DiceAction, DiceObservation

        class DiceEnvironment(Environment):
            def reset(self, seed=None, episode_id=None, **kwargs):
                return DiceObservation(face=0)

            def step(self, action, timeout_s=None, **kwargs):
                return DiceObservation(face=action.sides, reward=float(action.sides))

            @property
            def state(self):
                return State()

        app = create_app(DiceEnvironment, DiceAction, DiceObservation, env_name="dice_env")
    """,
    "openenv.yaml": "spec_version: 1\nname: dice_env\ntype: space\nruntime: fastapi\napp: server.app:app\nport: 8123\n",
}

# An environment of tools alone.
TOOLS = {
    "__init__.py": """
        from openenv.core import CallToolAction, ListToolsAction, MCPToolClient

        class AbacusEnv(MCPToolClient):
            pass

        __all__ = ["AbacusEnv", "CallToolAction", "ListToolsAction"]
    """,
    "server/__init__.py": "",
    "server/app.py": """
        from openenv import Action, Environment, Observation, State, create_app, tool

        class AbacusEnvironment(Environment[Action, Observation, State]):
            def reset(self, seed=None, episode_id=None):
                return Observation()

            def step(self, action, timeout_s=None):
                return Observation()

            @property
            def state(self):
                return State()

            @tool
            def add(self, a: int, b: int) -> int:
                "Add two numbers."
                return a + b

        app = create_app(AbacusEnvironment)
    """,
    "openenv.yaml": "name: abacus\n",
}


class SitePackages:
    """Packages and the metadata of their distributions, as an installer would leave them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._packages: list[str] = []

    def install(
        self,
        distribution: str,
        package: str,
        files: Mapping[str, str],
        *,
        entry_point: str = "",
        summary: str = "",
        record: bool = True,
    ) -> Path:
        """Install a package of some files and return its directory."""
        home = self.path.joinpath(*package.split("."))
        for name, text in files.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(textwrap.dedent(text))
        self.describe(distribution, package, entry_point=entry_point, summary=summary)
        if record:
            self.record(distribution, [f"{package.replace('.', '/')}/{name}" for name in files])
        self._packages.append(package.partition(".")[0])
        return home

    def describe(self, distribution: str, package: str, *, entry_point: str = "", summary: str = "") -> Path:
        """Write a distribution's metadata and return its directory."""
        info = self.path / f"{distribution.replace('-', '_')}-1.2.3.dist-info"
        info.mkdir(parents=True)
        about = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2.3\n"
        (info / "METADATA").write_text(about + (f"Summary: {summary}\n" if summary else ""))
        if entry_point:
            (info / "entry_points.txt").write_text(f"[openenv.environments]\n{entry_point} = {package}\n")
        return info

    def record(self, distribution: str, files: list[str]) -> None:
        """Write the list of a distribution's files."""
        info = self.path / f"{distribution.replace('-', '_')}-1.2.3.dist-info"
        (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))

    def from_git(self, distribution: str, url: str, commit: str, **more: str) -> None:
        """Write down that a distribution was installed from a git repository."""
        info = self.path / f"{distribution.replace('-', '_')}-1.2.3.dist-info"
        origin = {"url": url, "vcs_info": {"vcs": "git", "commit_id": commit, "requested_revision": commit}, **more}
        (info / "direct_url.json").write_text(json.dumps(origin))

    def forget(self) -> None:
        """Let go of what was imported from here."""
        for name in [name for name in sys.modules if name.partition(".")[0] in self._packages]:
            del sys.modules[name]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SitePackages]:
    """Give a directory of packages that this process and those it starts import from."""
    packages = SitePackages(tmp_path / "site")
    packages.path.mkdir()
    monkeypatch.syspath_prepend(packages.path)
    monkeypatch.setenv("PYTHONPATH", str(packages.path))
    yield packages
    packages.forget()
