"""Secrets are not shown."""

from __future__ import annotations

from openenv.core.containers.runtime._masking import mask, secret_values


def test_values_of_secret_names_are_hidden_however_short() -> None:
    assert mask("login with pw1", secret_values({"DB_PASSWORD": "pw1"})) == "login with ***"


def test_long_values_are_hidden_whatever_their_name() -> None:
    assert mask("at postgres://me:pw@host", secret_values({"DATABASE": "postgres://me:pw@host"})) == "at ***"


def test_short_values_of_other_names_stay_legible() -> None:
    assert mask("level info, 8000", secret_values({"LOG_LEVEL": "info", "PORT": "8000"})) == "level info, 8000"


def test_the_lines_of_a_value_are_hidden_one_by_one() -> None:
    values = secret_values({"PEM": "BEGIN KEY\nabcdefgh\nijklmnop"})
    assert mask("it begins abcdefgh and goes on ijklmnop", values) == "it begins *** and goes on ***"


def test_a_value_within_another_leaves_nothing_of_the_longer_one() -> None:
    assert mask("secret-and-more", secret_values({"A_KEY": "secret", "B_KEY": "secret-and-more"})) == "***"


def test_an_empty_value_changes_nothing() -> None:
    assert mask("as it is", secret_values({"TOKEN": ""})) == "as it is"
