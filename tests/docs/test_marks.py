"""Every block of Python and of commands is run by a test, or says what outside the tests it needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import COMMANDS, ROOT, blocks_of
from tests.docs.test_commands import ELSEWHERE, RUN_HERE
from tests.docs.test_pages import PAGES, PYTHON

_OTHERS = ["CONTRIBUTING.md", "benchmarks/README.md", "docker/README.md"]
_EVERY_PAGE = [*PAGES, *(ROOT / name for name in _OTHERS)]
# What no test has.
_OUTSIDE = {
    "checkout": "a checkout to itself, and minutes; `.ci/run` calls the same commands",
    "network": "registries that are reached from here",
    "release": "an index of packages with this release in it",
}
# The tests that have what the blocks of a mark need, by the page.
_RUN_BY = {
    ("checking.md", "server"): ["docs/test_checking_page.py"],
    ("containers.md", "docker"): ["docker/test_containers_page.py"],
    ("deploying.md", "cluster"): ["docs/test_deploying_page.py"],
    ("deploying.md", "image"): ["docker/test_deploying_page.py"],
    ("environment-builder.md", "file"): ["docs/test_builder_page.py", "docker/test_builder_page.py"],
    ("environment-builder.md", "hub"): ["docs/test_builder_page.py"],
    ("environment-builder.md", "image"): ["docker/test_builder_page.py"],
    ("environment-builder.md", "project"): ["docs/test_builder_page.py"],
    ("environment-builder.md", "published"): ["docs/test_builder_page.py"],
    ("environment-builder.md", "registry"): ["docker/test_builder_page.py"],
    ("environment-builder.md", "serve"): ["docs/test_builder_page.py"],
    ("environment-builder.md", "served"): ["docs/test_builder_page.py"],
    ("environment-builder.md", "templates"): ["docs/test_builder_page.py"],
    ("hub.md", "hub"): ["docs/test_hub_page.py"],
    ("rewards.md", "judge"): ["docs/test_rewards_page.py"],
    ("tasks.md", "sums"): ["docs/test_tasks_page.py"],
    ("using-environments.md", "clone"): ["docs/test_using_page.py"],
    ("using-environments.md", "docker"): ["docker/test_using_page.py"],
    ("using-environments.md", "hub"): ["docs/test_hub_page.py"],
}
# Commands that stand on another page too, where they are run.
_REPEATED = {("get-started.md", "hub"): "using-environments.md", ("deploying.md", "hub"): "environment-builder.md"}


@pytest.mark.parametrize("page", _EVERY_PAGE, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_is_run_or_says_what_it_needs(page: Path) -> None:
    run = {block.place for block in (*PYTHON, *RUN_HERE)}
    blocks = [block for block in blocks_of(page) if block.language in {"python", "py", *COMMANDS}]

    for block in blocks:
        mark = block.needs[0] if block.needs else ""
        known = {key[1] for key in (*_RUN_BY, *_REPEATED) if key[0] == page.name} | set(_OUTSIDE)
        of_environment = {page.parent.name} if page.parent.parent.name == "envs" else set()
        if mark:
            assert mark in known | of_environment or block.place in run, f"{block.place}: what is {mark!r}?"
        else:
            assert block.place in run or page.name in ELSEWHERE, f"{block.place} is not run, and has no mark"


@pytest.mark.parametrize(("page", "mark"), [*_RUN_BY, *_REPEATED])
def test_no_mark_is_left_of_what_is_gone(page: str, mark: str) -> None:
    assert [block for block in blocks_of(ROOT / "docs" / page) if block.needs[:1] == (mark,)]


@pytest.mark.parametrize(("key", "tests"), _RUN_BY.items())
def test_the_tests_that_run_them_are_there(key: tuple[str, str], tests: list[str]) -> None:
    for test in tests:
        assert key[0] in (ROOT / "tests" / test).read_text(encoding="utf-8"), test


@pytest.mark.parametrize(("key", "elsewhere"), _REPEATED.items())
def test_what_is_run_elsewhere_stands_there_too(key: tuple[str, str], elsewhere: str) -> None:
    known = {line.strip() for block in blocks_of(ROOT / "docs" / elsewhere) for line in block.code.splitlines()}
    page, mark = key
    blocks = [block for block in blocks_of(ROOT / "docs" / page) if block.needs == (mark,)]

    assert {line.strip() for block in blocks for line in block.code.splitlines()} <= known


@pytest.mark.parametrize("readme", sorted(ROOT.glob("envs/*/README.md")), ids=lambda path: path.parent.name)
def test_an_environments_own_tests_run_its_example(readme: Path) -> None:
    package = readme.parent.name
    if any(block.needs == (package,) for block in blocks_of(readme)):
        test = (ROOT / "tests" / "envs" / f"test_{package}.py").read_text(encoding="utf-8")
        assert 'blocks_of(PROJECT / "README.md")' in test or 'blocks_of(_PROJECT / "README.md")' in test
