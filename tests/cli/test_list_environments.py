"""`openenv list`."""

from __future__ import annotations

import json

from tests.cli.running import openenv
from tests.site_packages import DICE, SitePackages


def test_environments_are_listed_in_a_table(site: SitePackages) -> None:
    site.install("fair-dice", "dice_env", DICE, entry_point="dice")
    rows = [line.split() for line in openenv("list").stdout.splitlines()]
    assert rows[0] == ["name", "package", "version", "description"]
    assert ["dice", "dice_env", "1.2.3", "Rolls", "a", "die"] in rows


def test_programs_get_json(site: SitePackages) -> None:
    home = site.install("fair-dice", "dice_env", DICE, entry_point="dice")
    site.install("unfair-dice", "loaded_env", {"openenv.yaml": "port: many"}, entry_point="loaded")
    rows = {row["name"]: row for row in json.loads(openenv("list", "--json").stdout)}
    assert rows["dice"] == {
        "name": "dice",
        "package": "dice_env",
        "distribution": "fair-dice",
        "version": "1.2.3",
        "description": "Rolls a die",
        "directory": str(home),
        "origin": "",
        "problem": "",
    }
    assert "expected port" in rows["loaded"]["problem"]
