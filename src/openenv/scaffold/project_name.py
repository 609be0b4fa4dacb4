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
# The Hub has names of Spaces up to 96 characters, and file systems have a limit too.
_LONGEST = 80


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
        why = _objection(stem)
        if why:
            raise ConfigurationError(
                f"expected a name of letters, digits and dashes that begins with a letter, such as 'word-game'; got "
                f"{text!r:.99}, {why}"
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


def _objection(stem: str) -> str:
    if stem in _TAKEN or keyword.iskeyword(stem):
        return "which has a meaning of its own"
    if len(stem) > _LONGEST:
        return f"which has {len(stem)} characters, and {_LONGEST} is the most"
    return "" if _WORDS.fullmatch(stem) else "which has something else in it"
