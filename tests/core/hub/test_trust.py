"""Who has to agree before code from the Hub runs."""

from __future__ import annotations

import pytest

from openenv.core.exceptions import ConfigurationError, UntrustedCodeError
from openenv.core.hub import SpaceName, require_trust
from openenv.core.hub.trust import is_trusted

VARIABLE = "OPENENV_TRUST_REMOTE_CODE"


@pytest.mark.parametrize(("value", "expected"), [(None, False), ("", False), ("0", False), ("1", True), ("TRUE", True)])
def test_the_variable_says_so_where_the_caller_does_not(
    monkeypatch: pytest.MonkeyPatch, value: str | None, expected: bool
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    if value is not None:
        monkeypatch.setenv(VARIABLE, value)

    assert is_trusted() is expected
    assert is_trusted(True)
    assert not is_trusted(False)


def test_a_variable_that_says_neither_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "perhaps")

    with pytest.raises(ConfigurationError, match="expected 1 or 0 as OPENENV_TRUST_REMOTE_CODE, got 'perhaps'"):
        is_trusted()


def test_the_error_tells_what_would_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    commit = "a" * 40
    name = SpaceName("openenv", "echo-env", commit)

    with pytest.raises(UntrustedCodeError, match="trust_remote_code=True or set OPENENV_TRUST_REMOTE_CODE=1") as caught:
        require_trust(name, "install it")

    assert (caught.value.name, caught.value.revision) == ("openenv/echo-env", commit)
    assert caught.value.page == f"https://huggingface.co/spaces/openenv/echo-env/tree/{commit}"
    require_trust(name, "install it", True)
