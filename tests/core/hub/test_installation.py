"""Python environments of Spaces: uv and pip themselves, on projects that take a moment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from openenv.core.exceptions import HubError, HubUnreachableError
from openenv.core.hub import Checkout, HubSettings, Installation, SpaceName, check_out, install
from openenv.core.hub._programs import ProgramRunner
from tests.hub_host.hub import Hub
from tests.hub_host.projects import BUILT_AT_ONCE

NAME = SpaceName("openenv", "tiny-env")
PATIENCE_S = 60.0


@pytest.fixture(autouse=True)
def own_uv_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Or a wheel of this project that another test built would be taken.
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))


def _checked_out(hub: Hub, **changes: str) -> Checkout:
    files = BUILT_AT_ONCE | {name.replace("__", "."): text for name, text in changes.items()}
    if NAME.repo_id in hub.spaces:
        hub.spaces[NAME.repo_id].repository.commit(files)
    else:
        hub.add(NAME.repo_id, files)
    return check_out(NAME)


def _said(installation: Installation) -> str:
    command = [str(installation.python), "-c", "import sys, tiny_env; print(tiny_env.said, sys.prefix)"]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True, timeout=30)
    word, prefix = done.stdout.split()
    assert Path(prefix) == installation.python.parent.parent
    return word


@pytest.fixture(params=["uv", pytest.param("pip", marks=pytest.mark.slow)])
def installer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "uv":
        return "uv"
    monkeypatch.setattr("openenv.core.hub._installer._find_uv", lambda: None)
    return "pip"


def test_a_project_is_installed_into_an_environment_of_its_own_once(hub: Hub, installer: str) -> None:
    checkout = _checked_out(hub)
    before = {path.name for path in checkout.directory.iterdir()}

    first = install(checkout)
    (first.python.parent / "kept").touch()
    second = install(checkout)

    assert _said(first) == "one"
    assert second == first
    assert (second.python.parent / "kept").exists(), "it was made again"
    assert {path.name for path in checkout.directory.iterdir()} == before, "the build wrote into the checkout"
    assert first.project != checkout.directory


def test_another_commit_has_another_environment(hub: Hub) -> None:
    first = install(_checked_out(hub))
    second = install(_checked_out(hub, tiny_env__py="said = 'two'\n"))

    assert (_said(first), _said(second)) == ("one", "two")


def test_variables_of_the_callers_environment_do_not_mislead(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "UV_PYTHON"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))

    installation = install(_checked_out(hub))
    monkeypatch.undo()

    assert _said(installation) == "one"
    assert not (tmp_path / "elsewhere").exists()


def test_a_build_that_fails_says_why_and_leaves_nothing(hub: Hub, installer: str) -> None:
    checkout = _checked_out(hub, while_building__py="raise SystemExit('there is no chess board')")

    with pytest.raises(HubError, match="there is no chess board") as caught:
        install(checkout)

    assert f"installing {checkout.name}" in str(caught.value)
    assert not list((HubSettings().cache / "installations").rglob("venv"))


def test_a_secret_that_a_build_shows_is_hidden(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SERVICE_TOKEN", "hf_the_token_of_a_service")
    checkout = _checked_out(
        hub, while_building__py="import os; raise SystemExit('boom ' + os.environ['A_SERVICE_TOKEN'])"
    )

    with pytest.raises(HubError, match=r"boom \*\*\*") as caught:
        install(checkout)

    assert "hf_the_token" not in f"{caught.value}{caught.value.__cause__}"


def test_what_cannot_be_installed_is_refused_before_anything_runs(hub: Hub) -> None:
    hub.add("openenv/nothing", {"README.md": "one"})

    with pytest.raises(HubError, match=r"neither a pyproject\.toml nor a requirements\.txt"):
        install(check_out(SpaceName("openenv", "nothing")))


def test_an_environment_whose_interpreter_is_gone_is_made_again(hub: Hub) -> None:
    checkout = _checked_out(hub)
    first = install(checkout)
    first.python.unlink()

    assert _said(install(checkout)) == "one"


def test_one_of_many_installs_and_all_have_it(hub: Hub, tmp_path: Path) -> None:
    counted = f"open({str(tmp_path / 'builds')!r}, 'a').write('x')"
    checkout = _checked_out(hub, while_building__py=counted)

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: install(checkout), range(4)))

    assert len(set(found)) == 1
    assert (tmp_path / "builds").read_text() == "x"


_INSTALLING = """
from openenv.core.hub import SpaceName, check_out, install
install(check_out(SpaceName.parse("openenv/tiny-env")))
"""


def test_what_a_killed_process_began_is_made_anew(hub: Hub, tmp_path: Path) -> None:
    """The installer ends with who started it, and nobody takes its place before it has ended."""
    begun, go_on = tmp_path / "begun", tmp_path / "go-on"
    go_on.mkdir()
    waiting = f"""
import os, time
os.mkfifo({str(begun)!r}) if not os.path.exists({str(begun)!r}) else None
with open({str(begun)!r}, "w") as fifo:
    fifo.write(str(os.getpid()))
while os.path.exists({str(go_on)!r}):
    time.sleep(0.01)
"""
    os.mkfifo(begun)
    checkout = _checked_out(hub, while_building__py=waiting)
    process = subprocess.Popen([sys.executable, "-c", _INSTALLING])
    with begun.open() as fifo:
        assert fifo.read()
    with pytest.raises(HubUnreachableError, match="waiting for another process"):
        install(checkout, timeout_s=0.3)
    process.kill()
    process.wait()

    with ThreadPoolExecutor(1) as thread:
        installing = thread.submit(install, checkout)
        with begun.open() as fifo:
            assert fifo.read()
        go_on.rmdir()
        assert _said(installing.result(PATIENCE_S)) == "one"


def test_an_installation_may_be_stopped_from_another_thread(hub: Hub, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "begun")
    waiting = f"import time; open({str(tmp_path / 'begun')!r}, 'w').close(); time.sleep(60)"
    checkout = _checked_out(hub, while_building__py=waiting)
    runner = ProgramRunner(PATIENCE_S)
    with ThreadPoolExecutor(1) as thread:
        installing = thread.submit(install, checkout, runner=runner)
        (tmp_path / "begun").open().close()
        runner.stop()

        with pytest.raises(HubUnreachableError, match="was stopped"):
            installing.result(PATIENCE_S)
    assert not list((HubSettings().cache / "installations").rglob("venv"))


def test_a_lock_tells_the_releases(hub: Hub) -> None:
    if shutil.which("uv") is None and not Path(sys.executable).with_name("uv").exists():
        pytest.skip("uv is not installed")
    lock = 'version = 1\nrequires-python = ">=3.10"\n\n[[package]]\nname = "tiny-env"\nversion = "1.0"\n'
    project = BUILT_AT_ONCE["pyproject.toml"] + 'requires-python = ">=3.10"\n'
    good = lock + 'source = { editable = "." }\n'

    assert _said(install(_checked_out(hub, pyproject__toml=project, uv__lock=good))) == "one"
    with pytest.raises(HubError, match="uv ended with status"):
        install(_checked_out(hub, pyproject__toml=project, uv__lock="not a lock"))
