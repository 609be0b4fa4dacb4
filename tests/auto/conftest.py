"""What the tests of names share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.site_packages import SitePackages


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SitePackages]:
    """Give a directory of packages that this process and those it starts import from."""
    packages = SitePackages(tmp_path / "site")
    packages.path.mkdir()
    monkeypatch.syspath_prepend(packages.path)
    monkeypatch.setenv("PYTHONPATH", str(packages.path))
    yield packages
    packages.forget()
