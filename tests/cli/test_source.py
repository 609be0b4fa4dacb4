"""What a command's argument names."""

from __future__ import annotations

from pathlib import Path

import pytest

from openenv.cli._source import address_of, is_server, source_of
from openenv.core.exceptions import ConfigurationError


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("localhost:8000", "http://localhost:8000"),
        ("https://host/behind/this", "https://host/behind/this"),
        ("[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_an_address_may_lack_its_scheme(target: str, url: str) -> None:
    assert is_server(target)
    assert address_of(target) == url


@pytest.mark.parametrize(
    "target", ["http://", "http://[::1", "localhost:notaport", "ftp://host", "http://host:99999", ":"]
)
def test_what_is_no_address_is_told(target: str) -> None:
    assert is_server(target)
    with pytest.raises(ConfigurationError, match="expected an address such as http://localhost:8000, got "):
        address_of(target)


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("./nowhere", "there is no such directory"),
        ("models.py", "it is a file"),
        ("~/no such/place", "no such directory"),
    ],
)
def test_a_path_that_leads_to_no_environment_is_told(
    target: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models.py").touch()
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigurationError, match=told):
        source_of(target, trust_remote_code=False)
