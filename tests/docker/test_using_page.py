"""The using page's snippets for containers, with a registry of the test's own in the place of the Hub's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from echo_env import EchoEnv
from openenv.core.containers.runtime import LocalProcessProvider
from tests.docker.commands import containers_of, docker
from tests.docker.registry import Registry
from tests.docs.pages import ROOT, Block, blocks_of, run_python
from tests.hub_host.hub import Hub

HUBS_REGISTRY = "registry.hf.space"
SPACES_IMAGE = "openenv-echo-env:latest"
NO_URL = "http://localhost:8000"

BLOCKS = blocks_of(ROOT / "docs" / "using-environments.md")
RUN = "docker run -p 8000:8000"
READY = "Echo environment ready!"
PYTHON_BLOCKS = {
    'EchoEnv.from_docker_image("': READY,
    'EchoEnv.from_env("openenv/echo_env")': READY,
    'EchoEnv.from_hub("': "Hello!",
}


@pytest.fixture(scope="module")
def space_image(echo_image: str, registry: Registry) -> Iterator[str]:
    """Return the name of the Space's image, which only the registry has."""
    reference = registry.push(echo_image, SPACES_IMAGE)
    yield reference
    for container in containers_of(reference):
        docker("rm", "--force", "--volumes", container)
    docker("rmi", "--force", reference)


def _block(text: str) -> Block:
    [block] = [block for block in BLOCKS if text in block.code and "docker" in block.needs]
    return block


def test_no_snippet_for_containers_is_left_out() -> None:
    known = [_block(text) for text in [*PYTHON_BLOCKS, RUN]]

    assert {block.place for block in BLOCKS if "docker" in block.needs} == {block.place for block in known}


@pytest.mark.parametrize(("text", "told"), list(PYTHON_BLOCKS.items()))
def test_a_snippet_starts_a_container_and_leaves_none(
    text: str, told: str, space_image: str, registry: Registry, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("openenv/echo-env", {"README.md": "An environment.\n"})
    monkeypatch.setenv("OPENENV_IMAGE_REGISTRY", registry.address)
    block = _block(text)
    here = replace(block, code=block.code.replace(HUBS_REGISTRY, registry.address))

    printed, _ = run_python(here, NO_URL, {"EchoEnv": EchoEnv})

    assert told in "\n".join(printed)
    assert containers_of(space_image) == []


def test_a_container_started_by_hand_is_reached_by_its_address(space_image: str) -> None:
    run = _block(RUN)
    then = BLOCKS[BLOCKS.index(run) + 1]
    command = run.code.replace("8000:8000", "{port}:8000").replace(f"{HUBS_REGISTRY}/{SPACES_IMAGE}", space_image)
    assert command != run.code

    with LocalProcessProvider(command=["sh", "-ec", f"exec {command}"], context_timeout_s=60) as server:
        _, names = run_python(then, server.base_url, {"EchoEnv": EchoEnv})

    assert names["result"].observation.echoed_message == READY
