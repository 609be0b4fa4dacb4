"""Images of new environments, built and pushed by the library and its commands."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from openenv import GenericEnvClient
from openenv.core.containers.images import BuildOptions, build_image, push_image, registry_tags
from openenv.core.exceptions import ConfigurationError, EngineUnavailableError, ImageNotFoundError, ProviderError
from openenv.scaffold import create_project
from openenv.scaffold.template import TemplateName
from scripts.build_image import BASE_IMAGE
from tests.cli.running import openenv
from tests.docker.commands import container, docker, inspect, output_of, published_url, wait_for_health
from tests.docker.registry import Registry

SOON = "--health-interval=500ms"
OFFLINE = {"BASE_IMAGE": BASE_IMAGE, "PIP_NO_INDEX": "1"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, echo_image: str) -> Path:
    """Return the directory of a new environment; the image that it is built from is there."""
    return create_project("dice", parent=tmp_path_factory.mktemp("project")).directory


@pytest.fixture
def tag() -> Iterator[str]:
    """Return an image's name of this test's own."""
    name = f"openenv-dice-{uuid.uuid4().hex[:12]}:test"
    yield name
    subprocess.run(["docker", "rmi", "--force", name], capture_output=True, timeout=60, check=False)


@pytest.fixture
def buildkit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the docker command on the path be one with BuildKit, if there is any."""
    for place in os.environ["PATH"].split(os.pathsep):
        command = Path(place, "docker")
        if command.is_file() and _has_buildkit(str(command)):
            monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
            return
    pytest.skip("no docker command here has BuildKit")


def _has_buildkit(command: str) -> bool:
    if subprocess.run([command, "buildx", "version"], capture_output=True, timeout=30, check=False).returncode == 0:
        return True
    told = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
    return int(told.split()[2].partition(".")[0]) < 23


def test_the_command_builds_an_image_whose_server_is_played(project: Path, tag: str) -> None:
    arguments = [part for name, value in OFFLINE.items() for part in ("--build-arg", f"{name}={value}")]
    built = json.loads(openenv("build", project, "-t", tag, *arguments, "--json").stdout)

    assert built["tags"] == [tag]
    assert built["image_id"] == inspect("image", tag)["Id"]
    assert built["size_bytes"] == inspect("image", tag)["Size"]
    with container(tag, SOON) as name:
        wait_for_health(name)
        with GenericEnvClient(published_url(name)).sync() as env:
            env.reset(seed=1)
            assert env.step({"guess": 50}).observation["hint"] in {"higher", "lower", "right"}


@pytest.mark.usefixtures("buildkit")
@pytest.mark.parametrize(("template", "action"), [("tools", {"year": 1889}), ("gymnasium", {"action": 1})])
def test_images_of_the_other_templates_are_built_and_played(
    template: TemplateName, action: dict[str, int], tmp_path: Path, tag: str
) -> None:
    """Gymnasium is downloaded while its image is built, by certificates that are lent where a machine has its own."""
    made = create_project("dice", template=template, parent=tmp_path)
    if template == "gymnasium":
        bundle = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE")
        options = BuildOptions(tags=[tag], build_args={"BASE_IMAGE": BASE_IMAGE}, ca_bundle=bundle)
    else:
        options = BuildOptions(tags=[tag], build_args=OFFLINE)

    build_image(made.directory, options)

    with container(tag, SOON) as name:
        wait_for_health(name)
        with GenericEnvClient(published_url(name)).sync() as env:
            env.reset(seed=1)
            assert env.step(action).reward in {0.0, 1.0}


def test_a_build_that_fails_tells_its_last_lines(project: Path, tag: str, tmp_path: Path) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text(f"FROM {BASE_IMAGE}\nLABEL {tag}=1\nRUN echo so far && no-such-program\n")

    with pytest.raises(ProviderError, match=rf"(?s)could not build {tag}: .*so far.*no-such-program"):
        build_image(project, BuildOptions(tags=[tag], dockerfile=dockerfile))
    assert not docker("ps", "--all", "--quiet", "--filter", f"label={tag}")
    said = openenv("build", project, "-t", tag, "-f", dockerfile, status=1).stderr
    assert "so far" in said
    assert said.splitlines()[-1].startswith(f"openenv: Docker could not build {tag}: ")


def test_an_engine_that_does_not_answer_is_told(project: Path, monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")

    with pytest.raises(EngineUnavailableError, match=r"no Docker engine answers at tcp://127\.0\.0\.1:9"):
        build_image(project)


@pytest.mark.usefixtures("buildkit")
def test_a_secret_is_read_by_a_run_and_stays_out_of_the_image(
    project: Path, tag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DICE_TOKEN", "the word of the day")
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text(
        f"FROM {BASE_IMAGE}\nRUN --mount=type=secret,id=word wc -c < /run/secrets/word > /length\nRUN ls /run > /seen\n"
    )

    build_image(project, BuildOptions(tags=[tag], dockerfile=dockerfile, secrets=["id=word,env=DICE_TOKEN"]))

    assert output_of(tag, "cat", "/length") == str(len("the word of the day"))
    found = output_of(tag, "sh", "-c", "cat /seen; grep -rl 'the word of the day' /run /etc /tmp /root || true")
    assert "word" not in found
    assert "the word" not in docker("history", "--no-trunc", tag)


@pytest.mark.usefixtures("buildkit")
def test_certificates_are_lent_to_each_run_and_stay_out_of_the_image(project: Path, tag: str, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("the certificates of this network")
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text(f"FROM {BASE_IMAGE}\nRUN wc -c < $PIP_CERT > /length\n")

    build_image(project, BuildOptions(tags=[tag], dockerfile=dockerfile, ca_bundle=bundle))

    assert output_of(tag, "cat", "/length") == str(len("the certificates of this network"))
    assert output_of(tag, "sh", "-c", "grep -rl 'certificates of this' /run /etc /tmp || echo nowhere") == "nowhere"
    assert not [line for line in inspect("image", tag)["Config"]["Env"] if "CERT" in line]


def test_without_buildkit_a_secret_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    command = tmp_path / "docker"
    command.write_text('#!/bin/sh\n[ "$1" = version ] && echo 28.0.0 && exit\nexit 1\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    with pytest.raises(ConfigurationError, match=r"needs BuildKit, and .*/docker has no buildx: install its plugin"):
        build_image(project, BuildOptions(secrets=["id=word,src=/dev/null"]))


def test_an_image_is_pushed_under_the_names_of_its_registry(project: Path, registry: Registry, engine: str) -> None:
    tags = registry_tags(project, f"{registry.address}/{uuid.uuid4().hex[:12]}")
    try:
        build_image(project, BuildOptions(tags=tags, build_args=OFFLINE))
        for name in tags:
            push_image(name)
            docker("rmi", name)
        docker("pull", tags[0])

        assert [name.rpartition(":")[2] for name in tags] == ["0.1.0", "latest"]
        with pytest.raises(ImageNotFoundError, match="there is no image"):
            push_image(f"{registry.address}/none:1")
    finally:
        subprocess.run(["docker", "rmi", "--force", *tags], capture_output=True, timeout=60, check=False)
