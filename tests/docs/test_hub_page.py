"""The page on the Hub, and what the using page does with it: run against a Hub on loopback, where a Space runs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from openenv.core.exceptions import EnvironmentUnavailableError
from tests.docs.pages import ROOT, Block, blocks_of, promised_lines, run_python
from tests.hub_host.fixtures import ECHO_FILES, hub_in_use
from tests.hub_host.hub import Hub

HUB_PAGE = [block for block in blocks_of(ROOT / "docs" / "hub.md") if "hub" in block.needs]
USING_PAGE = [block for block in blocks_of(ROOT / "docs" / "using-environments.md") if "hub" in block.needs]
NAME = "openenv/echo-env"


@pytest.fixture(scope="module")
def page_hub(tmp_path_factory: pytest.TempPathFactory, release_index: Path, echo_url: str) -> Iterator[Hub]:
    """Return a Hub with the echo environment, which runs there."""
    index = {"UV_FIND_LINKS": str(release_index), "PIP_FIND_LINKS": str(release_index), "UV_PYTHON_DOWNLOADS": "never"}
    # No engine, whether this machine has one or not: containers are for tests/docker.
    with hub_in_use(tmp_path_factory.mktemp("hub"), DOCKER_HOST="tcp://127.0.0.1:9", **index) as hub:
        space = hub.add(NAME, ECHO_FILES)
        space.repository.tag("v0.1.0")
        space.run(echo_url)
        yield hub


@pytest.mark.parametrize("block", HUB_PAGE, ids=lambda block: block.place)
@pytest.mark.timeout(180)
def test_a_snippet_does_what_its_comments_say(block: Block, page_hub: Hub) -> None:
    printed, _ = run_python(block, "", {})

    promised = [promise for promise in promised_lines(block) if promise is not None]
    assert [line for line in printed if line in promised] == promised


def test_what_became_of_each_way_is_printed(page_hub: Hub) -> None:
    [block] = [block for block in HUB_PAGE if "error.attempts" in block.code]
    space = page_hub.spaces[NAME]
    space.stage = "PAUSED"

    printed, _ = run_python(block, "", {})
    space.stage = "RUNNING"

    assert [line.partition(":")[0] for line in printed] == [
        "the running Space",
        "its image, by Docker",
        "its source, as a process on this machine",
    ]
    assert "PAUSED" in printed[0]


def test_from_hub_on_the_using_page_plays_in_the_running_space(page_hub: Hub) -> None:
    [block] = [block for block in USING_PAGE if "EchoEnv.from_hub(" in block.code]

    printed, _ = run_python(block, "", {})

    assert printed == ["Hello!"]


def test_from_env_on_the_using_page_says_what_it_takes(page_hub: Hub) -> None:
    [block] = [block for block in USING_PAGE if "EchoEnv.from_env(" in block.code]

    with pytest.raises(Exception, match="Docker engine") as caught:
        run_python(block, "", {})

    assert not isinstance(caught.value, EnvironmentUnavailableError)


@pytest.mark.timeout(180)
def test_pip_installs_the_environment_from_the_hub(
    page_hub: Hub, tmp_path: Path, shell_variables: dict[str, str]
) -> None:
    """The command as it stands, with git sent to this Hub by a setting of its own."""
    [block] = [block for block in USING_PAGE if block.language == "bash"]
    script = f"uv venv --quiet --seed {tmp_path}/venv\nsource {tmp_path}/venv/bin/activate\n{block.code}"
    instead = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{page_hub.url}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://huggingface.co/",
        # What it depends on is in the environment of the tests.
        "PIP_NO_DEPS": "1",
    }
    variables = {**os.environ, **shell_variables, **instead}

    subprocess.run(["bash", "-ec", script], cwd=tmp_path, env=variables, check=True, capture_output=True, timeout=170)

    [installed] = tmp_path.glob("venv/lib/python*/site-packages/openenv_echo_env-*/direct_url.json")
    origin = json.loads(installed.read_text())
    assert origin["vcs_info"]["commit_id"] == page_hub.spaces[NAME].repository.resolve("main")
    assert (installed.parents[1] / "echo_env" / "openenv.yaml").is_file()
