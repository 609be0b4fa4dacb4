"""The spans of episodes and steps, made in processes of their own: tracing is set up once a process and for good."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from .traced_program import PARENT

_TRACE, _SPAN = PARENT.split("-")[1], int(PARENT.split("-")[2], 16)


class _Spans:
    """The spans of a process, found by what they are about."""

    def __init__(self, lines: list[str]) -> None:
        self.all: list[dict[str, Any]] = [json.loads(line) for line in lines]

    def episode(self, episode_id: str) -> dict[str, Any]:
        [found] = [span for span in self.episodes() if span["attributes"].get("openenv.episode.id") == episode_id]
        return found

    def episodes(self) -> list[dict[str, Any]]:
        return [span for span in self.all if span["name"] == "openenv.episode"]

    def below(self, parent: dict[str, Any]) -> list[dict[str, Any]]:
        return [span for span in self.all if span["parent"] == parent["id"]]


@pytest.fixture(scope="module")
def spans() -> _Spans:
    command = [sys.executable, "-W", "error", "-m", "tests.core.env_server.observability.traced_program"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=110)
    assert result.returncode == 0, result.stderr
    return _Spans(result.stdout.splitlines())


def _facts(span: dict[str, Any]) -> tuple[object, ...]:
    told = span["attributes"]
    names = ("openenv.episode.id", "openenv.step.count", "openenv.reward", "openenv.done", "error.type")
    return (span["name"], *(told.get(name) for name in names))


def test_each_episode_has_a_span_and_below_it_its_requests(spans: _Spans) -> None:
    first = spans.episode("first")

    assert _facts(first) == ("openenv.episode", "first", 2, None, True, None)
    assert first["attributes"]["openenv.episode.return"] == 10.0
    assert [_facts(span) for span in spans.below(first)] == [
        ("openenv.reset", "first", 0, None, False, None),
        ("openenv.step", "first", 1, 3.0, False, None),
        ("openenv.step", "first", 2, 7.0, True, None),
    ]
    assert {span["attributes"]["openenv.env.name"] for span in spans.below(first)} == {"traced"}
    assert len({span["attributes"]["openenv.session.id"] for span in [first, *spans.below(first)]}) == 1


def test_an_episode_ends_where_the_next_begins_and_its_id_is_the_environments(spans: _Spans) -> None:
    second = spans.episode("chosen")

    assert _facts(second) == ("openenv.episode", "chosen", 1, None, False, None)
    assert second["trace"] != spans.episodes()[0]["trace"]


def test_a_step_that_fails_says_how(spans: _Spans) -> None:
    failed = spans.below(spans.episode("chosen"))[-1]

    assert _facts(failed) == ("openenv.step", "chosen", None, None, None, "ArithmeticError")
    assert failed["status"] == "ERROR"


def test_a_reset_that_fails_is_an_episode_that_failed(spans: _Spans) -> None:
    third = spans.episodes()[2]

    assert _facts(third) == ("openenv.episode", None, 0, None, False, "ValueError")
    assert third["status"] == spans.below(third)[0]["status"] == "ERROR"


def test_spans_of_the_environment_itself_are_below_its_step(spans: _Spans) -> None:
    steps = {span["id"] for span in spans.all if span["name"] == "openenv.step"}
    own = [span["parent"] for span in spans.all if span["name"] == "author.think"]

    assert len(own) == len(steps) == 6
    assert set(own) == steps


def test_an_episode_goes_on_from_the_trace_of_the_handshake(spans: _Spans) -> None:
    episode = spans.episode("below")

    assert (episode["trace"], episode["parent"]) == (_TRACE, _SPAN)


def test_a_step_over_http_is_linked_to_the_trace_it_was_asked_in(spans: _Spans) -> None:
    episode = spans.episode("http")
    reset, step = spans.below(episode)

    assert episode["trace"] == step["trace"] == _TRACE
    assert (reset["links"], step["links"]) == ([], [_TRACE.replace("4bf9", "0000")])


def test_without_tracing_nothing_of_it_is_loaded() -> None:
    program = """
import sys
from openenv.core.generic_client import GenericEnvClient
from openenv.testing import serve
from tests.core.worlds import Counter
before = {name for name in sys.modules if name.startswith("opentelemetry")}
with serve(Counter) as server, GenericEnvClient(base_url=server.base_url).sync() as client:
    client.reset()
    client.step({})
assert "openenv.core.env_server.observability._spans" not in sys.modules
assert {name for name in sys.modules if name.startswith("opentelemetry")} == before
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=110)
