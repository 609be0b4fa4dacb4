"""Servers of openenv 0.10 under check: what the wire shows of them is found in order, and what is not is told."""

from __future__ import annotations

from openenv.testing import check_server
from tests.interop.conftest import Urls

_MOVES = [{"text": "a", "amount": 1}, {"text": "b", "amount": 2}]


def test_the_peers_environment_passes(servers: dict[str, Urls]) -> None:
    report = check_server(servers["peer"]["counter"], actions=_MOVES, steps=6)

    report.raise_if_failed()
    assert {finding.check for finding in report.warnings} == {"fields_are_described", "reset_refuses_unknown_arguments"}


def test_what_it_raises_is_found(servers: dict[str, Urls]) -> None:
    report = check_server(servers["peer"]["counter"], checks=["valid_actions_are_answered"], steps=6)

    [finding] = report.errors
    assert "no room above 10" in finding.seen


def test_a_server_for_one_session_is_asked_by_one_at_a_time(servers: dict[str, Urls]) -> None:
    checks = ["sessions_are_isolated", "sixteen_sessions_run_at_once"]

    report = check_server(servers["peer"]["solo"], actions=_MOVES, steps=6, checks=checks)

    assert report.findings == ()
    assert [bool(result.left_out) for result in report.results] == [False, True]
