"""The page on deploying: its manifest says what servers understand, and its pool finds all servers of a cluster."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

from echo_env import EchoEnv
from echo_env.server.echo_environment import EchoEnvironment
from openenv.core.containers.runtime import LocalProcessProvider
from openenv.testing import serve
from tests.docs.pages import ROOT, Block, blocks_of

BLOCKS = blocks_of(ROOT / "docs" / "deploying.md")


@pytest.fixture(scope="module")
def pod() -> dict[str, Any]:
    """Return the specification of the manifest's pods."""
    [block] = [block for block in BLOCKS if block.language == "yaml"]
    service, workload = yaml.safe_load_all(block.code)
    assert service["spec"]["selector"] == workload["spec"]["template"]["metadata"]["labels"]
    assert service["metadata"]["name"] == workload["spec"]["serviceName"]
    specification: dict[str, Any] = workload["spec"]["template"]["spec"]
    return specification


def test_a_pod_has_longer_to_stop_than_its_server_takes_to_drain(pod: dict[str, Any]) -> None:
    variables = {one["name"]: one.get("value") for one in pod["containers"][0]["env"]}

    assert pod["terminationGracePeriodSeconds"] > float(variables["OPENENV_DRAIN_TIMEOUT_S"])


@pytest.mark.lengthy
def test_probes_are_answered_by_a_server_with_these_variables_and_others_need_the_token(pod: dict[str, Any]) -> None:
    [container] = pod["containers"]
    variables = {one["name"]: one.get("value", "secret-token") for one in container["env"]}

    with LocalProcessProvider("echo_env", env_vars=variables) as server:
        for probe in ("readinessProbe", "livenessProbe"):
            path = container[probe]["httpGet"]["path"]
            assert urlopen(f"{server.base_url}{path}").status == 200  # noqa: S310 - the address is ours
        with EchoEnv(base_url=server.base_url, auth_token="secret-token").sync() as env:
            assert env.reset().observation.echoed_message == "Echo environment ready!"


def test_a_pool_spreads_its_sessions_over_the_servers_of_a_cluster() -> None:
    [block] = [block for block in BLOCKS if block.needs == ("cluster",)]
    with ExitStack() as stack:
        servers = [stack.enter_context(serve(EchoEnvironment, max_concurrent_envs=64)) for _ in range(4)]
        namespace: dict[str, Any] = {"urls": [server.base_url for server in servers]}
        exec(compile(_of_echo(block), block.place, "exec"), namespace)  # noqa: S102 - the page's own code

    assert [result.reward for result in namespace["results"]] == [0.5] * 256


def _of_echo(block: Block) -> str:
    """Return the block's code with the echo environment in the place of the reader's, and addresses of servers here."""
    code = block.code.replace("from word_game_env", "from echo_env").replace("WordGame", "Echo")
    placed, count = re.subn(r"^urls = .*\n", "", code, flags=re.M)
    assert count == 1
    return placed.replace("guess=", "message=")
