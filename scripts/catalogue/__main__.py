"""Play the environments that are named, or all, and write the catalogue."""

from __future__ import annotations

import sys
from importlib import import_module

from .page import PAGE, README, entries, page, readme, store
from .show import Show

__all__ = ["main", "show_of"]


def show_of(package: str) -> Show:
    """Return what an environment has to show, played now.

    Args:
        package: The name of its package.
    """
    show: Show = import_module(f"scripts.catalogue.shows.{package}").show()
    return show


def main(packages: list[str]) -> None:
    """Play environments, all of them where none is named, and write the page and the table in the README."""
    for package in packages or [entry.package for entry in entries()]:
        store(package, show_of(package))
    PAGE.write_text(page(), encoding="utf-8")
    README.write_text(readme(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
