"""The images of environments, built from this checkout."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import openenv
from echo_env import EchoAction, EchoEnv
from scripts.build_image import BASE_IMAGE, build_environment, gather_wheels
from scripts.docker_engine import PYTHON_IMAGE
from tests.docker.commands import container, docker, inspect, output_of, published_url, wait_for_health
from tests.docs.pages import ROOT

ECHO_ENV = ROOT / "envs" / "echo_env"
MOST_BYTES_ABOVE_BASE = 150_000_000
# What the image asks itself every ten seconds is asked more often here.
SOON = "--health-interval=500ms"
STRICTLY = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--pids-limit=64", "--memory=256m"]


@pytest.fixture(scope="module")
def echo_container(echo_image: str) -> Iterator[str]:
    """Return a healthy container with no more rights than a provider gives it."""
    with container(echo_image, SOON, *STRICTLY) as name:
        wait_for_health(name)
        yield name


def _bytes_above_python(image: str) -> int:
    return int(inspect("image", image)["Size"]) - int(inspect("image", PYTHON_IMAGE)["Size"])


def _layers(image: str) -> list[str]:
    return list(inspect("image", image)["RootFS"]["Layers"])


def test_an_image_is_small(echo_image: str) -> None:
    assert _bytes_above_python(echo_image) < MOST_BYTES_ABOVE_BASE


def test_an_image_holds_the_openenv_of_this_checkout(echo_image: str) -> None:
    ask = "import openenv, importlib.metadata as m; print(openenv.__version__, m.version('openenv-core'))"

    assert output_of(echo_image, "python", "-c", ask).split() == [openenv.__version__] * 2


def test_a_server_in_a_container_turns_healthy_and_is_played(echo_container: str) -> None:
    url = published_url(echo_container)

    with EchoEnv(base_url=url).sync() as env:
        assert env.reset().observation.echoed_message == "Echo environment ready!"
        assert env.step(EchoAction(message="Hello, World!")).reward == 1.3
        assert env.call_tool("echo_message", message="Hello!") == "Hello!"
    assert httpx.get(f"{url}/health", trust_env=False).json() == {"status": "healthy"}


def test_a_server_that_hangs_turns_unhealthy(echo_image: str) -> None:
    hangs = ["python", "-c", "import signal, socket; s = socket.create_server(('', 8000)); signal.pause()"]
    with container(echo_image, SOON, "--health-timeout=1s", "--health-start-period=1ms", command=hangs) as name:
        wait_for_health(name, "unhealthy")


def test_the_server_is_not_root(echo_container: str) -> None:
    assert docker("exec", echo_container, "id", "--user") == "1000"
    assert inspect("image", inspect("container", echo_container)["Image"])["Config"]["User"] == "user"


def test_a_container_stops_when_it_is_told_to(echo_image: str) -> None:
    with container(echo_image, SOON) as name:
        wait_for_health(name)
        docker("stop", "--time", "30", name)

        assert inspect("container", name)["State"]["ExitCode"] != 128 + 9, "it had to be killed"


def test_the_second_build_takes_every_layer_from_the_first(echo_image: str) -> None:
    first = inspect("image", echo_image)["Id"]
    build_environment(ECHO_ENV, echo_image)

    assert inspect("image", echo_image)["Id"] == first


def test_new_code_keeps_the_layers_of_the_dependencies(echo_image: str, tmp_path: Path) -> None:
    project = shutil.copytree(ECHO_ENV, tmp_path / "echo_env")
    (project / "server" / "more.py").write_text('"""More."""\n')
    build_environment(project, "openenv-echo-env:more")
    try:
        known, made = _layers(echo_image), _layers("openenv-echo-env:more")
    finally:
        docker("rmi", "openenv-echo-env:more")

    assert len(known) == len(made)
    assert [old == new for old, new in zip(known, made, strict=True)].index(False) == len(known) - 2


def test_nothing_of_this_machine_is_in_an_image(echo_image: str) -> None:
    config = inspect("image", echo_image)["Config"]
    told = " ".join(config["Env"]) + docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", echo_image)
    certificates = ["sh", "-c", "cat /etc/ssl/certs/ca-certificates.crt | sha256sum"]

    for word in ("CERT", "certificates", "PROXY", "INDEX_URL", "TOKEN", str(ROOT), str(Path.home())):
        assert word not in told
    assert output_of(echo_image, *certificates) == output_of(PYTHON_IMAGE, *certificates)


def test_an_image_holds_the_project_and_nothing_that_was_made_beside_it(echo_image: str, tmp_path: Path) -> None:
    project = shutil.copytree(ECHO_ENV, tmp_path / "echo_env")
    for unwanted in (".env", ".venv/secret", "build/lib/old.py", "server/__pycache__/app.pyc", ".git/config"):
        (project / unwanted).parent.mkdir(parents=True, exist_ok=True)
        (project / unwanted).write_text("TOKEN=secret")
    build_environment(project, "openenv-echo-env:crowded")
    try:
        found = output_of("openenv-echo-env:crowded", "sh", "-c", "grep -rl TOKEN=secret /home/user || true")
    finally:
        docker("rmi", "openenv-echo-env:crowded")

    assert found == ""


def test_the_dockerfile_needs_no_more_than_python_and_an_index(engine: str, tmp_path: Path) -> None:
    gather_wheels(tmp_path)
    (tmp_path / "Dockerfile").write_text(
        f"FROM {PYTHON_IMAGE}\nCOPY build core dependencies /index/\n"
        "ENV PIP_FIND_LINKS=/index PIP_NO_INDEX=1 PIP_NO_COMPILE=1\n"
    )
    docker("build", "--tag", "openenv-python:index", str(tmp_path), timeout_s=120)
    build = ["--build-arg=BASE_IMAGE=openenv-python:index", "--tag=openenv-echo-env:alone"]
    docker("build", *build, str(ECHO_ENV), timeout_s=120)
    try:
        assert BASE_IMAGE not in docker("history", "openenv-echo-env:alone")
        with container("openenv-echo-env:alone", SOON) as name:
            wait_for_health(name)
    finally:
        docker("rmi", "openenv-echo-env:alone", "openenv-python:index")
