"""What `openenv.yaml` says."""

from __future__ import annotations

from pathlib import Path

import pytest

from openenv.core._manifest import Manifest, read_manifest
from openenv.core.exceptions import ConfigurationError


def _write(directory: Path, text: str) -> Path:
    path = directory / "openenv.yaml"
    path.write_text(text)
    return path


def test_without_a_manifest_the_defaults_hold(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) == Manifest(path=None, app="server.app:app", port=None)


def test_every_field_is_read(tmp_path: Path) -> None:
    path = _write(
        tmp_path,
        """
spec_version: 1
name: grid_env
type: space
runtime: fastapi
app: my.app:make
port: 8001
description: " A grid "
version: 0.3
action: GridAction
observation: models:GridObservation
client: client:GridEnv
default_image: grid-env:latest
tasks: [one, two]
""",
    )
    assert read_manifest(tmp_path) == Manifest(
        path=path,
        name="grid_env",
        type="space",
        runtime="fastapi",
        app="my.app:make",
        port=8001,
        description="A grid",
        version="0.3",
        action="GridAction",
        observation="models:GridObservation",
        client="client:GridEnv",
        default_image="grid-env:latest",
        spec_version=1,
    )


@pytest.mark.parametrize("text", ["", "app:\nport:\nname:\nversion:\n", "spec_version: '1'\n"])
def test_what_is_left_out_takes_its_default(tmp_path: Path, text: str) -> None:
    path = _write(tmp_path, text)
    assert read_manifest(tmp_path) == Manifest(path=path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("app: server.app", "expected app as 'module:attribute', such as 'app: server.app:app'; got 'server.app'"),
        ("app: [1]", "expected app as"),
        ("port: eight", "expected port as a port from 1 to 65535.*'eight'"),
        ("port: 0", "expected port as a port"),
        ("port: true", "expected port as a port"),
        ("name: [a]", r"expected name as a string, such as 'name: echo_env'; got \['a'\]"),
        ("client: {module: a}", "expected client as a string, such as 'client: EchoEnv'"),
        ("version: [0, 1]", "expected version as a string"),
        ("spec_version: 2", "expected spec_version as 1.* got 2: pip install --upgrade openenv-core"),
        ("spec_version: one", "got 'one': write 'spec_version: 1'"),
        ("- a\n- b", "expected a mapping of settings.* got list"),
        ("a: [", "cannot be read"),
    ],
)
def test_what_cannot_be_right_is_an_error_that_names_file_field_and_mend(
    tmp_path: Path, text: str, message: str
) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(ConfigurationError, match=message) as caught:
        read_manifest(tmp_path)
    assert str(path) in str(caught.value)
