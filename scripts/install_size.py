"""Install a requirement into a fresh virtual environment, and report what that brought along.

    python scripts/install_size.py [REQUIREMENT] [--max-mb MB] [--max-distributions N]

Counts every file below site-packages, compiled ones too, and leaves out what a fresh environment holds already.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

__all__ = ["Footprint", "main", "measure"]

_ROOT = Path(__file__).resolve().parent.parent


class Footprint:
    """What lies in a site-packages folder.

    Attributes:
        sizes: Bytes below each top level entry.
        distributions: The number of installed distributions.
    """

    def __init__(self, site_packages: Path) -> None:
        self.sizes = {entry.name: _size(entry) for entry in site_packages.iterdir()}
        self.distributions = len(list(site_packages.glob("*.dist-info")))


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if not file.is_dir())


def measure(requirement: str) -> tuple[dict[str, int], int]:
    """Install a requirement into a virtual environment of its own.

    Args:
        requirement: What pip installs: a name, a path, or a path with extras.

    Returns:
        Bytes for each new top level entry of site-packages, and the number of new distributions.
    """
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder, "bin", "python")
        site_packages = next(Path(folder, "lib").glob("python*/site-packages"))
        before = Footprint(site_packages)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement], check=True
        )
        after = Footprint(site_packages)
    sizes = {name: size for name, size in after.sizes.items() if name not in before.sizes}
    return sizes, after.distributions - before.distributions


def main() -> int:
    """Print the figures, and fail if one is over its limit."""
    parser = argparse.ArgumentParser(description="Measure what an installation of OpenEnv brings along.")
    parser.add_argument("requirement", nargs="?", default=f"{_ROOT}[core]", help="what to install (this checkout)")
    parser.add_argument("--max-mb", type=float, default=75.0, help="megabytes allowed (%(default)s)")
    parser.add_argument("--max-distributions", type=int, default=45, help="distributions allowed (%(default)s)")
    options = parser.parse_args()

    sizes, distributions = measure(options.requirement)
    megabytes = sum(sizes.values()) / 1e6
    for name in sorted(sizes, key=lambda name: -sizes[name])[:10]:
        print(f"{sizes[name] / 1e6:8.1f} MB  {name}")
    print(f"{megabytes:8.1f} MB  in all, {distributions} distributions")
    return int(megabytes >= options.max_mb or distributions >= options.max_distributions)


if __name__ == "__main__":
    sys.exit(main())
