"""The table of environments that `make environments` writes."""

from __future__ import annotations

from pathlib import Path

from scripts.environment_report import Report, environments, table


def test_every_environment_is_reported_on() -> None:
    directories = {path.parent.name for path in (Path(__file__).parents[1] / "envs").glob("*/pyproject.toml")}
    assert set(environments()) == directories


def test_what_failed_is_named() -> None:
    told = table(
        [
            Report("fine_env", 56, 7, 0, (), 1.1, 63.2, 190.0, 20.4),
            Report("poor_env", 50, 7, 2, ("the_same_seed_gives_the_same_episode",), 2.0, 80.0, None, None),
        ]
    )
    assert "| fine_env | 56 passed | 7 left out | 1.10 s | 63 MB | 190 MB | 20 MB |" in told
    assert "50 passed, **failed: the_same_seed_gives_the_same_episode**" in told
    assert "7 left out, 2 warnings | 2.00 s | 80 MB | not built |  |" in told
