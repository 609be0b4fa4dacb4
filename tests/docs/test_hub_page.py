"""The page on the Hub, and what the using page does with it: run against a Hub on loopback, where a Space runs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from openenv.core.containers.runtime import LocalProcessProvider
from openenv.core.exceptions import EnvironmentUnavailableError
from tests.auto.projects import project
from tests.auto.throwaway import ThrowawayPython
from tests.docs.pages import ROOT, Block, blocks_of, promised_lines, run_python
from tests.hub_host.fixtures import ECHO_FILES, hub_in_use
from tests.hub_host.hub import Hub
from tests.site_packages import DICE, OLD_DICE, SitePackages

pytestmark = pytest.mark.lengthy

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


def test_auto_env_on_the_using_page_installs_and_starts_what_does_not_run_and_connects_to_what_does(
    page_hub: Hub, throwaway: ThrowawayPython, tmp_path: Path
) -> None:
    """The snippet as it stands, in an environment that has OpenEnv and nothing of the Space's, after consent."""
    [block] = [block for block in USING_PAGE if "AutoEnv.from_env(" in block.code]
    today, published = (
        {name: text.replace("Dice", "Code").replace("dice_env", "coding_env") for name, text in files.items()}
        for files in (DICE, OLD_DICE)
    )
    space = page_hub.add("meta-pytorch/coding-env", project("openenv-coding-env", "coding_env", files=today))
    play = """
with env:
    env.reset()
    face = env.step(CodeAction(sides=6)).observation.face
    tell(face=face, of=CodeAction.__module__, client=type(env.async_client).__name__, url=env.base_url)
"""

    started, _ = throwaway.run(block.code + play, OPENENV_TRUST_REMOTE_CODE="1")
    directory = SitePackages(tmp_path).install("openenv-coding-env", "coding_env", published)
    with LocalProcessProvider(directory) as server:
        url = server.base_url
        space.run(url)
        connected, _ = throwaway.run(block.code + play)

    assert connected == {"face": 6, "of": "coding_env.models", "client": "CodeEnv", "url": url}
    assert started == {**connected, "url": started["url"]}
    assert started["url"] != connected["url"]


def test_pip_installs_the_environment_from_the_hub(page_hub: Hub, throwaway: ThrowawayPython, tmp_path: Path) -> None:
    """The command as it stands, with git sent to this Hub by a setting of its own."""
    [block] = [block for block in USING_PAGE if block.language == "bash"]
    variables = {
        **os.environ,
        "PATH": f"{throwaway.directory}/bin{os.pathsep}{os.environ['PATH']}",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{page_hub.url}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://huggingface.co/",
        # What it depends on is there.
        "PIP_NO_DEPS": "1",
        "PIP_NO_COMPILE": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }

    subprocess.run(["bash", "-ec", block.code], cwd=tmp_path, env=variables, check=True, timeout=170)

    [installed] = throwaway.packages.glob("openenv_echo_env-*/direct_url.json")
    commit = json.loads(installed.read_text())["vcs_info"]["commit_id"]
    assert commit == page_hub.spaces[NAME].repository.resolve("main")
    assert (throwaway.packages / "echo_env" / "openenv.yaml").is_file()
