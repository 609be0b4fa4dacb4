"""The words that games are played with: this environment's nouns, and TextArena's dictionaries."""

from functools import cache
from importlib.resources import files
from types import ModuleType
from typing import Any

__all__ = ["as_nltk", "nouns"]


@cache
def nouns() -> tuple[str, ...]:
    """Return common nouns, from which secret words are drawn."""
    lines = files("textarena_env").joinpath("data").joinpath("nouns.txt").read_text(encoding="utf-8").splitlines()
    return tuple(sorted({word for line in lines if not line.startswith("#") for word in line.split()}))


@cache
def _dictionary() -> tuple[str, ...]:
    """Return the words of TextArena's American dictionary, without what their endings make of them."""
    lines = files("textarena.envs.utils.data").joinpath("en_US.dic").read_text(encoding="utf-8").splitlines()[1:]
    words = {line.partition("/")[0] for line in lines}
    return tuple(sorted(word for word in words if word.isascii() and word.isalpha() and word.islower()))


class _Words:
    """Has the place of NLTK's corpus `words`, which is downloaded where it is used."""

    def words(self, fileids: str = "en") -> list[str]:
        """Return the common words of `en-basic`, or those and the others of `en`."""
        return list(nouns() if fileids == "en-basic" else _dictionary())


def as_nltk() -> dict[str, ModuleType]:
    """Return what has the place of NLTK's modules in the modules of games, by name."""
    nltk, corpus = ModuleType("nltk"), ModuleType("nltk.corpus")
    vars(corpus)["words"] = _Words()
    vars(nltk).update(corpus=corpus, download=_download, pos_tag=_pos_tag)
    return {"nltk": nltk, "nltk.corpus": corpus}


def _download(*names: Any, **options: Any) -> bool:
    """Have everything already."""
    return True


def _pos_tag(words: list[str]) -> list[tuple[str, str]]:
    """Tag all words as nouns: games ask it which of the words above are."""
    return [(word, "NN") for word in words]
