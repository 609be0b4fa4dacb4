"""What `openenv.yaml` says about the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from openenv.core.containers.runtime._manifest import ServerManifest, read_manifest
from openenv.core.exceptions import ConfigurationError


def test_without_a_manifest_the_defaults_hold(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) == ServerManifest("server.app:app", None)


def test_app_and_port_are_read(tmp_path: Path) -> None:
    (tmp_path / "openenv.yaml").write_text("spec_version: 1\nname: mine\napp: my.app:make\nport: 8001\n")
    assert read_manifest(tmp_path) == ServerManifest("my.app:make", 8001)


@pytest.mark.parametrize("text", ["", "name: mine\n", "app:\nport:\n"])
def test_what_is_left_out_takes_its_default(tmp_path: Path, text: str) -> None:
    (tmp_path / "openenv.yaml").write_text(text)
    assert read_manifest(tmp_path) == ServerManifest()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("app: server.app", "expected app as 'module:attribute', got 'server.app'"),
        ("app: [1]", "expected app"),
        ("port: eight", "expected a port from 1 to 65535.*'eight'"),
        ("- a\n- b", "expected a mapping of settings, got list"),
        ("a: [", "cannot be read"),
    ],
)
def test_what_cannot_be_right_is_an_error_that_names_the_file(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "openenv.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=message) as caught:
        read_manifest(tmp_path)
    assert str(tmp_path / "openenv.yaml") in str(caught.value)
