"""How names of Spaces are read and written."""

from __future__ import annotations

import pytest

from openenv.core.exceptions import ConfigurationError
from openenv.core.hub import SpaceName

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("openenv/echo-env", SpaceName("openenv", "echo-env")),
        (" openenv/echo_env ", SpaceName("openenv", "echo_env")),
        ("spaces/openenv/echo.env", SpaceName("openenv", "echo.env")),
        ("openenv/echo-env@v1", SpaceName("openenv", "echo-env", "v1")),
        ("openenv/echo-env@refs/pr/3", SpaceName("openenv", "echo-env", "refs/pr/3")),
        ("https://huggingface.co/spaces/openenv/echo-env", SpaceName("openenv", "echo-env")),
        ("https://huggingface.co/spaces/openenv/echo-env/", SpaceName("openenv", "echo-env")),
        ("huggingface.co/spaces/openenv/echo-env", SpaceName("openenv", "echo-env")),
        ("https://hf.co/spaces/openenv/echo-env?logs=container", SpaceName("openenv", "echo-env")),
        ("https://huggingface.co/spaces/openenv/echo-env.git", SpaceName("openenv", "echo-env")),
        (
            "https://huggingface.co/spaces/openenv/echo-env/tree/refs%2Fpr%2F3",
            SpaceName("openenv", "echo-env", "refs/pr/3"),
        ),
        (f"https://huggingface.co/spaces/openenv/echo-env/tree/{COMMIT}", SpaceName("openenv", "echo-env", COMMIT)),
        (f"git+https://huggingface.co/spaces/openenv/echo-env@{COMMIT}", SpaceName("openenv", "echo-env", COMMIT)),
        ("git+https://huggingface.co/spaces/openenv/echo-env.git@v1", SpaceName("openenv", "echo-env", "v1")),
    ],
)
def test_every_way_to_write_a_name_is_read(text: str, name: SpaceName) -> None:
    assert SpaceName.parse(text) == name
    assert SpaceName.parse(str(name)) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "echo",
        "a/b/c",
        "/b",
        "a/",
        "a/-b",
        "a/../b",
        "a/b c",
        "a/b@-x",
        "a/b@--upload-pack=x",
        "a/b@x..y",
        "a/b@x\ny",
        "https://example.com/spaces/a/b",
        "https://huggingface.co/datasets/a/b",
        "https://huggingface.co/spaces/a/b/discussions/1",
        "https://evil.com/?huggingface.co/spaces/a/b",
        "https://huggingface.co@evil.com/spaces/a/b",
        "ssh://huggingface.co.evil.com/spaces/a/b",
        "file:///spaces/a/b",
    ],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"expected|address"):
        SpaceName.parse(text)


def test_the_address_of_a_running_space_does_not_tell_its_name() -> None:
    with pytest.raises(ConfigurationError, match="use it as base_url"):
        SpaceName.parse("https://openenv-echo-env.hf.space/web")


def test_a_revision_beside_the_name_counts_and_must_not_differ() -> None:
    assert SpaceName.parse("a/b", "v1").revision == "v1"
    assert SpaceName.parse("a/b@v1", "v1").revision == "v1"
    with pytest.raises(ConfigurationError, match="names one revision, and revision='v2' another"):
        SpaceName.parse("a/b@v1", "v2")


def test_addresses_of_the_hub_in_use_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.example:8443/mirror/")

    name = SpaceName.parse("http://hub.example:8443/mirror/spaces/a/b/tree/v1")

    assert name == SpaceName("a", "b", "v1")
    assert name.page() == "http://hub.example:8443/mirror/spaces/a/b"
    assert name.files_page() == "http://hub.example:8443/mirror/spaces/a/b/tree/v1"
    with pytest.raises(ConfigurationError, match="no address on the Hub"):
        SpaceName.parse("http://hub.example/mirror/spaces/a/b")


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("openenv/echo_env", "openenv-echo-env"),
        ("openenv/echo-env", "openenv-echo-env"),
        ("Org/My.Env_x", "org-my-env-x"),
    ],
)
def test_hosts_and_images_have_small_letters_and_hyphens(text: str, label: str) -> None:
    name = SpaceName.parse(text)

    assert name.running_url == f"https://{label}.hf.space"
    assert name.image() == f"registry.hf.space/{label}:latest"
    assert name.image("v2", "registry.example:5000") == f"registry.example:5000/{label}:v2"


def test_the_registry_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENENV_IMAGE_REGISTRY", "localhost:5000")
    assert SpaceName("a", "b").image() == "localhost:5000/a-b:latest"

    monkeypatch.setenv("OPENENV_IMAGE_REGISTRY", "https://localhost:5000")
    with pytest.raises(ConfigurationError, match="OPENENV_IMAGE_REGISTRY as a host"):
        SpaceName("a", "b").image()


def test_a_name_that_the_hub_shortens_has_no_image_that_could_be_told() -> None:
    with pytest.raises(ConfigurationError, match="Run with Docker"):
        SpaceName("o" * 32, "n" * 32).image()


def test_a_commit_is_pinned_and_a_branch_is_not() -> None:
    assert SpaceName("a", "b", COMMIT).is_pinned
    assert not SpaceName("a", "b", "main").is_pinned
    assert not SpaceName("a", "b").is_pinned
