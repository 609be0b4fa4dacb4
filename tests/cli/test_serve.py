"""`openenv serve`."""

from __future__ import annotations

import json
import re
import shutil
import signal
import urllib.request
from pathlib import Path

import pytest

from openenv import AutoEnv, GenericEnvClient
from openenv.core.exceptions import EnvironmentExecutionError, InvalidRequestError
from tests.cli.running import Serving, openenv
from tests.site_packages import DICE, OLD_DICE, SitePackages


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give the directory of an environment that is not installed, and whose server needs no package around it."""
    directory = tmp_path / "dice-project"
    made = SitePackages(tmp_path / "elsewhere").install("unused", "dice_env", OLD_DICE)
    shutil.move(made, directory)
    return directory


def _face(url: str) -> object:
    with GenericEnvClient(url).sync() as env:
        env.reset()
        return env.step({"sides": 6}).observation["face"]


def test_an_installed_environment_is_served_by_its_name(site: SitePackages) -> None:
    site.install("fair-dice", "dice_env", DICE, entry_point="dice")
    with Serving("dice") as server:
        assert server.said.startswith("Serving dice_env at http://127.0.0.1:")
        with AutoEnv.from_env("dice", server.url) as env:
            assert env.step({"sides": 6}).observation.face == 6
    assert server.process.returncode == 0
    assert server.errors == ""


@pytest.mark.parametrize("how", ["by its path", "from within"])
def test_a_directory_is_served(project: Path, how: str) -> None:
    place = {"directory": project} if how == "from within" else {}
    with Serving(*([] if place else [project]), **place) as server:
        assert _face(server.url) == 6
    assert server.process.returncode == 0


def test_a_directory_without_a_manifest_is_served(project: Path) -> None:
    (project / "openenv.yaml").unlink()
    with Serving(project) as server:
        assert server.said.startswith("Serving dice-project at")
        assert _face(server.url) == 6


def test_a_frame_that_is_too_long_is_answered_and_the_session_goes_on(project: Path) -> None:
    with Serving(project) as server, GenericEnvClient(server.url).sync() as env:
        env.reset()
        with pytest.raises(InvalidRequestError, match="15728640"):
            env.step({"sides": 6, "padding": "x" * (17 * 2**20)})
        assert env.step({"sides": 6}).observation["face"] == 6


@pytest.mark.lengthy
def test_it_ends_by_sigterm_too(project: Path) -> None:
    with Serving(project) as server:
        assert _face(server.url) == 6
        server.process.terminate()
        assert server.process.wait(60) in {0, -signal.SIGTERM}


@pytest.mark.lengthy
def test_a_changed_source_is_served_anew(project: Path) -> None:
    with Serving(project, "--reload") as server:
        assert server.process.stderr is not None
        _read_until("Application startup complete", server)
        assert _face(server.url) == 6
        app = project / "server" / "app.py"
        app.write_text(app.read_text().replace("face=action.sides", "face=1"))
        _read_until("Application startup complete", server)
        assert _face(server.url) == 1


def _read_until(text: str, server: Serving) -> None:
    assert server.process.stderr is not None
    assert any(text in line for line in server.process.stderr), "it ended"


def test_the_manifests_port_is_taken_unless_another_is_named(project: Path) -> None:
    with Serving(project) as server:
        port = server.url.rpartition(":")[2]
        (project / "openenv.yaml").write_text(f"port: {port}\n")
        said = openenv("serve", project, status=1).stderr
    assert said == f"openenv: port {port} on 127.0.0.1 is in use: stop what listens there, or take another port\n"


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("no-such-environment", "no installed environment is called 'no-such-environment'"),
        ("./empty", "no environment in .*/empty: expected openenv.yaml or server/app.py there"),
        (".", "no environment in .*: expected openenv.yaml or server/app.py there"),
    ],
)
def test_what_is_no_environment_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, said: str
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    assert re.match(f"openenv: {said}", openenv("serve", target, status=1).stderr)


def test_a_project_that_is_not_installed_is_told_in_a_line(project: Path) -> None:
    (project / "server" / "app.py").write_text("import dice_env.models")
    said = openenv("serve", project, "--port", "0", status=1).stderr
    assert said.startswith(f"openenv: server.app:app of {project} needs dice_env, which is not installed here: ")
    assert said.endswith(f"by pip install -e '{project}'\n")


@pytest.mark.parametrize("workers", [1, 2])
def test_an_application_that_fails_says_so(project: Path, workers: int) -> None:
    (project / "server" / "app.py").write_text("raise RuntimeError('no dice today')")
    said = openenv("serve", project, "--port", "0", "--workers", str(workers), status=1).stderr
    assert "no dice today" in said
    if workers > 1:
        assert said.splitlines()[-1].startswith(
            "openenv: server.app:app ended before it could answer: RuntimeError: no"
        )


@pytest.mark.lengthy
def test_several_processes_serve_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKERS", "2")
    with Serving("echo") as server, urllib.request.urlopen(f"{server.url}/metrics") as answer:  # noqa: S310 - loopback
        assert b"openenv_processes 2.0" in answer.read()
    assert server.process.returncode == 0
    assert server.errors == ""


def test_workers_are_not_for_reloading(project: Path) -> None:
    said = openenv("serve", project, "--reload", "--workers", "2", status=1).stderr
    assert said == "openenv: expected 1 worker with reload, got 2: leave one of the two out\n"


def test_logs_are_lines_of_json_where_that_is_asked_for(project: Path) -> None:
    app = project / "server" / "app.py"
    app.write_text(app.read_text().replace("face=action.sides", "face=1 // 0"))
    arguments = ("--log-format", "json", "--log-level", "info")
    with Serving(project, *arguments) as server, pytest.raises(EnvironmentExecutionError):
        _face(server.url)
    lines = [json.loads(line) for line in server.errors.splitlines()]
    [failed] = [line for line in lines if line["level"] == "error"]
    assert failed["logger"] == "openenv.core.env_server.dispatch"
    assert failed["session_id"] in failed["message"]
    assert failed["request_id"].isdecimal()
    assert "ZeroDivisionError" in failed["exception"]


@pytest.mark.parametrize(
    ("option", "value", "said"), [("format", "xml", "expected text or json"), ("level", "loud", "expected DEBUG, INFO")]
)
def test_a_way_to_log_that_there_is_not_is_refused(project: Path, option: str, value: str, said: str) -> None:
    assert said in openenv("serve", project, f"--log-{option}", value, status=1).stderr
