"""What the parts of a new environment are called."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass

from ..core.exceptions import ConfigurationError

__all__ = ["ProjectName"]

_WORDS = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_SEPARATORS = re.compile(r"[-_.\s]+")
# With these the package would hide what it is made of.
_TAKEN = frozenset({"openenv"})


@dataclass(frozen=True)
class ProjectName:
    """An environment's name, and the names that follow from it.

    Attributes:
        stem: The name in small letters with `_` between its words, without `_env`: `word_game`.
    """

    stem: str

    @classmethod
    def parse(cls, text: str) -> ProjectName:
        """Read a name as people write it: `word-game`, `Word Game` and `word_game_env` are one.

        Raises:
            ConfigurationError: No package can be called so.
        """
        stem = _SEPARATORS.sub("_", text.strip().lower()).strip("_").removesuffix("_env")
        if not _WORDS.fullmatch(stem) or keyword.iskeyword(stem) or stem in _TAKEN:
            raise ConfigurationError(
                f"expected a name of letters, digits and dashes that begins with a letter, such as 'word-game'; got "
                f"{text!r}"
            )
        return cls(stem)

    @property
    def package(self) -> str:
        """Return the name that it is imported by: `word_game_env`."""
        return f"{self.stem}_env"

    @property
    def repository(self) -> str:
        """Return what its Space and its image are called: `word-game-env`."""
        return self.package.replace("_", "-")

    @property
    def distribution(self) -> str:
        """Return the name that it is installed by: `openenv-word-game-env`."""
        return f"openenv-{self.repository}"

    @property
    def classes(self) -> str:
        """Return how the names of its classes begin: `WordGame`."""
        return "".join(word.capitalize() for word in self.stem.split("_"))

    @property
    def title(self) -> str:
        """Return its name for readers: `Word game`."""
        return self.stem.replace("_", " ").capitalize()
