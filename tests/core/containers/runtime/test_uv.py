"""Projects run by uv: the real one, without a network."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from openenv.core.containers.runtime import UVProvider
from openenv.core.exceptions import ConfigurationError, ServerStartError

from .support import Alive

BESIDE_INTERPRETER = os.path.dirname(sys.executable)
needs_uv = pytest.mark.skipif(
    not (shutil.which("uv") or shutil.which("uv", path=BESIDE_INTERPRETER)), reason="uv is not installed"
)


@pytest.fixture
def project(environment_directory: Path) -> Path:
    """Make a project that needs nothing."""
    (environment_directory / "pyproject.toml").write_text(
        '[project]\nname = "an-environment"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = []\n'
    )
    return environment_directory


def provider_of(project: Path, *settings: str, **arguments: Any) -> UVProvider:
    variables = {"UV_OFFLINE": "1", "UV_PYTHON": sys.executable, "TINY": " ".join(settings)}
    return UVProvider(project_path=str(project), env_vars=variables, **arguments)


@needs_uv
def test_a_project_runs_in_its_own_environment_with_an_inherited_socket(project: Path, alive: Alive) -> None:
    with provider_of(project, alive.setting) as provider:
        assert "server.app:app --fd" in provider.logs()
        assert (project / ".venv").is_dir()
    alive.wait_for_start()
    alive.wait_for_end()


@needs_uv
def test_everything_below_uv_ends_with_it(project: Path, alive: Alive) -> None:
    provider = provider_of(project, "child=", alive.setting, stop_timeout_s=0.5)
    provider.start()
    alive.wait_for_start()
    provider.stop()
    alive.wait_for_end()


@needs_uv
def test_a_project_that_cannot_be_resolved_says_why(project: Path) -> None:
    text = (project / "pyproject.toml").read_text().replace("[]", '["no-such-distribution-of-ours"]')
    (project / "pyproject.toml").write_text(text)
    with pytest.raises(ServerStartError, match="no-such-distribution-of-ours"):
        provider_of(project).__enter__()


@needs_uv
def test_a_module_that_the_project_does_not_name_leads_to_advice(project: Path) -> None:
    (project / "uvicorn.py").write_text("import no_such_module_at_all")
    with pytest.raises(ServerStartError, match=r"under dependencies in the project's pyproject\.toml"):
        provider_of(project).__enter__()


@pytest.fixture
def without_uv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide uv on the path and beside the interpreter, which is then a link elsewhere."""
    link = tmp_path / "bin" / "python"
    link.parent.mkdir()
    link.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(link))
    monkeypatch.setenv("PATH", str(link.parent))


@pytest.mark.usefixtures("without_uv")
def test_without_uv_the_project_runs_in_this_interpreter(project: Path) -> None:
    with provider_of(project) as provider:
        assert "server.app:app --fd" in provider.logs()
    assert not (project / ".venv").exists()


@pytest.mark.usefixtures("without_uv")
def test_without_uv_and_what_the_project_needs_the_error_says_what_to_install(project: Path) -> None:
    (project / "uvicorn.py").write_text("import no_such_module_at_all")
    with pytest.raises(ServerStartError, match=r"uv is not installed.*pip install uv.*pip install '"):
        provider_of(project).__enter__()


def test_a_directory_that_is_no_project_runs_in_this_interpreter(environment_directory: Path) -> None:
    with provider_of(environment_directory) as provider:
        assert "server.app:app --fd" in provider.logs()
    (environment_directory / "uvicorn.py").write_text("import no_such_module_at_all")
    with pytest.raises(ServerStartError, match=r"has no pyproject.toml, so it ran in .* which lacks the module '"):
        provider_of(environment_directory).__enter__()


def test_a_directory_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"expected project_path .* got 'no/such/directory'"):
        UVProvider(project_path="no/such/directory")


def test_the_arguments_of_deployed_code_are_taken(environment_directory: Path) -> None:
    provider = UVProvider(
        project_path=str(environment_directory),
        app="server.app:app",
        host="0.0.0.0",
        reload=False,
        env_vars={"A": "b"},
        context_timeout_s=30.0,
    )
    assert provider.start(port=None, env_vars=None, workers=1).startswith("http://127.0.0.1:")
    provider.wait_for_ready(timeout_s=30.0)
    provider.stop()
