"""The page on building environments, walked from its first command to its last."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.auto.throwaway import ThrowawayPython
from tests.docs.pages import ROOT, Block, blocks_of
from tests.hub_host.fixtures import ECHO_FILES, hub_in_use
from tests.hub_host.hub import WRITER_TOKEN, Hub

BLOCKS = blocks_of(ROOT / "docs" / "environment-builder.md")
_PROGRAMS = Path(sys.executable).parent


def _blocks(kind: str) -> list[Block]:
    return [block for block in BLOCKS if block.needs[:1] == (kind,)]


def test_no_block_is_left_out() -> None:
    # Those for an image and a registry are run by tests/docker.
    run_here = {"file", "hub", "project", "published", "serve", "served", "templates", "transcript"}

    assert {block.needs[0] for block in BLOCKS} == run_here | {"image", "registry"}


def test_the_wheel_holds_the_templates(release_index: Path) -> None:
    [wheel] = release_index.glob("openenv_core-*.whl")
    templates = ROOT / "src" / "openenv" / "scaffold" / "templates"
    wanted = {f"openenv/scaffold/templates/{path.relative_to(templates)}" for path in templates.rglob("*.in")}

    assert len(wanted) == 20
    assert wanted <= set(zipfile.ZipFile(wheel).namelist())


@pytest.mark.lengthy
def test_the_other_templates_are_made(tmp_path: Path) -> None:
    [block] = _blocks("templates")
    path = f"{_PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["bash", "-ec", block.code], cwd=tmp_path, env={**os.environ, "PATH": path}, check=True, timeout=110)

    models = (tmp_path / "mountain_env" / "models.py").read_text()
    assert "action: Annotated[list[Annotated[float, Field(ge=-1.0, le=1.0)]]" in models
    assert (tmp_path / "harbour_env" / "openenv.yaml").is_file()


@pytest.fixture
def walk(throwaway: ThrowawayPython, release_index: Path, tmp_path: Path) -> Iterator[Walk]:
    """Return a shell in an empty directory, with an environment of Python's own and a Hub."""
    index = {"UV_FIND_LINKS": str(release_index), "PIP_FIND_LINKS": str(release_index), "UV_PYTHON_DOWNLOADS": "never"}
    known = {"HF_TOKEN": WRITER_TOKEN, "DOCKER_HOST": "tcp://127.0.0.1:9", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    with hub_in_use(tmp_path, **index, **known) as hub:
        (tmp_path / "work").mkdir()
        yield Walk(throwaway, hub, tmp_path / "work")


class Walk:
    """What a reader does: commands, files, a server, and Python."""

    def __init__(self, python: ThrowawayPython, hub: Hub, directory: Path) -> None:
        self.python = python
        self.hub = hub
        self.directory = directory
        path = f"{python.directory}/bin{os.pathsep}{os.environ['PATH']}"
        self.variables = {**python.variables(), "PATH": path, "COLUMNS": "120"}

    def shell(self, code: str, answers: str = "") -> str:
        """Run commands, go where they lead, and return what they printed."""
        script = f"{code}\npwd > '{self.directory.parent / 'place'}'\n"
        done = subprocess.run(
            ["bash", "-ec", script],
            cwd=self.directory,
            env=self.variables,
            input=answers,
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )
        assert done.returncode == 0, f"{code}\n{done.stdout}{done.stderr}"
        self.directory = Path((self.directory.parent / "place").read_text().strip())
        return done.stdout

    def run(self, code: str) -> list[str]:
        """Run a program and return the lines that it printed."""
        command = [self.python.python, "-W", "error", "-c", code]
        done = subprocess.run(
            command, cwd="/", env=self.variables, capture_output=True, text=True, timeout=250, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()

    @contextmanager
    def serving(self, code: str) -> Iterator[str]:
        """Run a command that serves, on a free port, and give the address."""
        command = ["bash", "-ec", f"exec {code.strip()} --port 0"]
        process = subprocess.Popen(
            command, cwd=self.directory, env=self.variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            yield next(word for word in said.split() if word.startswith("http://"))
        finally:
            process.terminate()
            process.communicate(timeout=60)


@pytest.mark.lengthy
@pytest.mark.timeout(600)
def test_the_page_leads_from_nothing_to_a_published_environment_and_back(walk: Walk) -> None:
    doctor, begin, check = _blocks("project")
    assert "Python" in walk.shell(doctor.code)
    walk.shell(begin.code)
    assert walk.directory.name == "word_game_env"
    made = "pytest\nopenenv validate\n"
    walk.shell(made)
    for block in _blocks("file"):
        (walk.directory / block.needs[1]).write_text(block.code)

    _play_it(walk)
    assert check.code == made
    assert "2 passed" in walk.shell(check.code)
    _publish_it(walk)


def _play_it(walk: Walk) -> None:
    [serve], [transcript], [client] = _blocks("serve"), _blocks("transcript"), _blocks("served")
    command, *lines = transcript.code.splitlines()
    answers = "".join(f"{line.removeprefix('> ')}\n" for line in lines if line.startswith("> "))
    with walk.serving(serve.code) as url:
        said = walk.shell(command.removeprefix("$ ").replace("http://localhost:8000", url), answers)
        assert walk.run(client.at(url)) == ["--?-+"]

    assert [line.rstrip() for line in said.splitlines()] == [line.rstrip() for line in lines if line[:2] != "> "]


def _publish_it(walk: Walk) -> None:
    push, fork = _blocks("hub")
    [published] = _blocks("published")
    said = walk.shell(push.code)
    assert f"Would publish at {walk.hub.url}/spaces/writer/word-game-env" in said
    space = walk.hub.spaces["writer/word-game-env"]
    assert space.is_private
    assert space.repository.read("models.py") == (walk.directory / "models.py").read_text().strip()

    walk.hub.add("openenv/echo-env", ECHO_FILES)
    walk.shell(fork.code)
    assert (walk.directory / "echo_env" / "openenv.yaml").is_file()
    assert "writer/echo-env" in walk.hub.spaces

    walk.shell("pip uninstall --yes --quiet openenv-word-game-env")
    assert walk.run(published.code.replace("me/", "writer/")) == ["6"]
    origin = walk.run("from importlib.metadata import distribution as d; print(d('openenv-word-game-env')._path)")[0]
    assert (space.repository.resolve("main") or "none") in Path(origin, "direct_url.json").read_text()
