"""What the parts of a new environment are called."""

from __future__ import annotations

import pytest

from openenv.core.exceptions import ConfigurationError
from openenv.scaffold import ProjectName


@pytest.mark.parametrize("text", ["word-game", "Word Game", "word_game_env", " WORD.GAME "])
def test_spellings_of_a_name_are_one(text: str) -> None:
    name = ProjectName.parse(text)

    assert (name.package, name.classes, name.title) == ("word_game_env", "WordGame", "Word game")
    assert (name.repository, name.distribution) == ("word-game-env", "openenv-word-game-env")


@pytest.mark.parametrize("text", ["", "2048", "a/b", "é", "openenv", "class", "../up", "word game!", 81 * "x"])
def test_what_no_package_can_be_called_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="expected a name of letters"):
        ProjectName.parse(text)
