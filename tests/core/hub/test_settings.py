"""Where settings of the Hub come from."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from openenv.core.exceptions import ConfigurationError
from openenv.core.hub import HubSettings


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HF_ENDPOINT", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "OPENENV_CACHE", "OPENENV_IMAGE_REGISTRY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))


def test_without_settings_it_is_the_public_hub_without_a_token(tmp_path: Path) -> None:
    settings = HubSettings.from_environment()

    assert settings == HubSettings("https://huggingface.co", None, "registry.hf.space", tmp_path / "openenv")


def test_settings_are_read_anew_each_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("one", "two"):
        monkeypatch.setenv("HF_ENDPOINT", f"http://{name}.example/")
        monkeypatch.setenv("HF_TOKEN", f" hf_{name}\n")
        monkeypatch.setenv("OPENENV_CACHE", str(tmp_path / name))

        settings = HubSettings.from_environment()

        assert (settings.endpoint, settings.token) == (f"http://{name}.example", f"hf_{name}")
        assert settings.cache == tmp_path / name
        assert f"hf_{name}" not in repr(settings)


def test_a_login_of_huggingface_hub_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hf_from_login")
    assert HubSettings.from_environment().token == "hf_from_login"

    monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
    assert HubSettings.from_environment().token is None


def test_the_token_is_found_without_huggingface_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert HubSettings.from_environment().token is None

    monkeypatch.setenv("HF_TOKEN", "hf_one")
    assert HubSettings.from_environment().token == "hf_one"


@pytest.mark.parametrize("endpoint", ["huggingface.co", "ftp://huggingface.co", "https://me:hf_secret@huggingface.co"])
def test_an_endpoint_that_cannot_work_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)

    with pytest.raises(ConfigurationError, match="expected HF_ENDPOINT") as caught:
        HubSettings.from_environment()

    assert "secret" not in str(caught.value)


def test_a_user_without_a_home_needs_no_cache_until_something_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr("pwd.getpwuid", unknown)

    assert HubSettings.from_environment().cache.is_relative_to("/nonexistent")


@pytest.mark.parametrize(("base", "expected"), [("", "home"), ("relative", "home"), ("/caches", "/caches/openenv")])
def test_the_cache_is_where_the_platform_has_caches(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, base: str, expected: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", base)
    monkeypatch.setenv("HOME", str(tmp_path))
    of_home = tmp_path / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "openenv"

    assert HubSettings.from_environment().cache == (of_home if expected == "home" else Path(expected))
