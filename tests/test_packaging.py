"""The two distributions: one version, and every extra that published environments ask for."""

from __future__ import annotations

import re
from importlib.metadata import distribution, metadata, requires, version
from pathlib import Path

import openenv

_ROOT = Path(__file__).resolve().parent.parent


def test_both_distributions_have_the_version_of_the_package() -> None:
    assert version("openenv") == version("openenv-core") == openenv.__version__


def test_the_empty_distribution_pins_the_other_one() -> None:
    assert f"openenv-core=={openenv.__version__}" in (requires("openenv") or [])


def test_the_extras_of_published_environments_are_accepted() -> None:
    for name in ("openenv", "openenv-core"):
        assert {"core", "cli"} <= set(metadata(name).get_all("Provides-Extra") or [])


def test_the_command_is_installed() -> None:
    scripts = {entry.name: entry.value for entry in distribution("openenv-core").entry_points}

    assert scripts["openenv"] == "openenv.cli.__main__:main"


def test_the_base_depends_on_nothing_heavy() -> None:
    base = (line for line in requires("openenv-core") or [] if "extra ==" not in line)
    names = {re.split(r"[^\w-]", line)[0].lower() for line in base}

    assert (
        names & {"docker", "fastmcp", "gradio", "httpx", "huggingface-hub", "mcp", "numpy", "ray", "requests"} == set()
    )


def test_the_changelog_has_a_section_for_this_version() -> None:
    assert f"## [{openenv.__version__}]" in (_ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_lock_knows_one_index_and_no_local_files() -> None:
    lock = (_ROOT / "uv.lock").read_text(encoding="utf-8")

    assert len(set(re.findall(r'registry = "(.*?)"', lock))) == 1
    assert {url.partition(":")[0] for url in re.findall(r'url = "(.*?)"', lock)} == {"https"}
    assert "file:" not in lock
