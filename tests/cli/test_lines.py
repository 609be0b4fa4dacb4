"""What is shown of a program that takes long."""

from __future__ import annotations

import pty
import sys

import pytest

from openenv.cli._lines import Progress, showing_lines
from openenv.core.exceptions import ProviderError
from tests.terminals import shown_until


@pytest.mark.parametrize(("progress", "shown"), [("auto", ""), ("quiet", ""), ("plain", "one\ntwo\n")])
def test_lines_are_shown_as_asked_for(progress: Progress, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    with showing_lines("Counting", progress) as on_line:
        on_line("one")
        on_line("two")

    assert capsys.readouterr() == ("", shown)


def test_at_a_terminal_the_last_line_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    with open(ours, "rb", buffering=0) as shown, open(theirs, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with showing_lines("Counting", "auto") as on_line:
            on_line("one")
            on_line("two [of three]")
        monkeypatch.undo()

        assert shown_until("Counting: two [of three]", shown.fileno())


@pytest.mark.parametrize(("progress", "shown"), [("auto", "one\n"), ("quiet", ""), ("plain", "one\n")])
def test_where_it_fails_they_are_told(progress: Progress, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ProviderError):
        _fail(progress)

    assert capsys.readouterr() == ("", shown)


def test_where_there_were_none_nothing_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ProviderError), showing_lines("Counting", "auto"):
        raise ProviderError("no one")

    assert capsys.readouterr() == ("", "")


def _fail(progress: Progress) -> None:
    with showing_lines("Counting", progress) as on_line:
        on_line("one")
        raise ProviderError("no two")
