"""The using page's snippet for names on the Hub, where the Space does not run: a container of its image."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from openenv import AutoAction, AutoEnv, GenericEnvClient
from openenv.core.containers.runtime import LocalDockerProvider
from tests.docker.commands import containers_of, docker
from tests.docker.registry import Registry
from tests.docs.pages import ROOT, blocks_of, run_python
from tests.hub_host.fixtures import ECHO_FILES
from tests.hub_host.hub import Hub
from tests.site_packages import SitePackages, site

__all__ = ["site"]

NAME = "meta-pytorch/coding-env"


@pytest.fixture
def coding_image(echo_image: str, registry: Registry, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the name of the image of a Space that does not run; only the registry has it."""
    hub.add(NAME, ECHO_FILES)
    monkeypatch.setenv("OPENENV_IMAGE_REGISTRY", registry.address)
    reference = registry.push(echo_image, "meta-pytorch-coding-env:latest")
    yield reference
    docker("rmi", "--force", reference)


@pytest.fixture
def not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget this repository's environment of the same name, which other tests have imported."""
    for module in [name for name in sys.modules if name.partition(".")[0] == "coding_env"]:
        monkeypatch.delitem(sys.modules, module)


@pytest.mark.usefixtures("not_imported")
def test_the_snippet_runs_the_image_and_leaves_no_container(coding_image: str, hub: Hub, site: SitePackages) -> None:
    blocks = blocks_of(ROOT / "docs" / "using-environments.md")
    [block] = [block for block in blocks if f'AutoEnv.from_env("{NAME}")' in block.code]
    coding = {name: text.replace("echo_env", "coding_env") for name, text in ECHO_FILES.items()}
    site.install("openenv-coding-env", "coding_env", coding)
    commit = hub.spaces[NAME].repository.resolve("main") or ""
    site.from_git("openenv-coding-env", f"{hub.url}/spaces/{NAME}", commit)

    _, names = run_python(block, "", {"AutoAction": AutoAction, "AutoEnv": AutoEnv})

    with names["env"] as env:
        assert isinstance(env.async_client.provider, LocalDockerProvider)
        env.reset()
        assert env.step(names["CodeAction"](message="Hello!")).observation.echoed_message == "Hello!"
        assert type(env.async_client).__module__ == "coding_env.client"
        assert containers_of(coding_image)
    assert not containers_of(coding_image)


def test_without_its_package_the_image_takes_dictionaries_and_nobodys_agreement(coding_image: str) -> None:
    with AutoEnv.from_env(NAME, skip_install=True, env_vars={"A": "b"}, memory="512m") as env:
        assert type(env.async_client) is GenericEnvClient
        assert isinstance(env.async_client.provider, LocalDockerProvider)
        env.reset()
        assert env.step({"message": "Hello!"}).observation["echoed_message"] == "Hello!"
