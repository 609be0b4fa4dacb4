"""TextArena itself, without its prints, its downloads, and its draws from the chance of the whole process."""

import importlib
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

from textarena_env.server.chance import as_numpy, as_random
from textarena_env.server.words import as_nltk

__all__ = ["make_game"]

_LOADING = threading.RLock()
_PLACES = {"random": as_random, "np": as_numpy, "numpy": as_numpy}
# Functions that tell each other what they find by variables of their module, the one that is called first.
_TELLING = {"textarena.envs.Sokoban.utils": ("reverse_playing", "depth_first_search")}


def make_game(env_id: str) -> Any:
    """Return a new game of TextArena, which tells its observations as they are.

    Args:
        env_id: The game's name.

    Raises:
        ImportError: What it is made of cannot be imported.
    """
    with _LOADING:
        textarena = _textarena()
        with _own_nltk():
            spec = textarena.envs.registration.ENV_REGISTRY[env_id]
            importlib.import_module(spec.entry_point.partition(":")[0])
        _settle()
    game = textarena.make(f"{env_id}-raw")
    for wrapper in spec.default_wrappers or ():
        # Those of actions put what has no brackets into some, and cut off what is too long.
        if issubclass(wrapper, textarena.ActionWrapper):
            game = wrapper(game)
    return game


@cache
def _textarena() -> ModuleType:
    with _own_nltk():
        textarena = importlib.import_module("textarena")
        word_lists: Any = importlib.import_module("textarena.envs.utils.word_lists")
    word_lists.EnglishDictionary = _shared(word_lists.EnglishDictionary)
    return textarena


@contextmanager
def _own_nltk() -> Iterator[None]:
    """Have what is imported find modules of ours by the names of NLTK's, which download where they are imported.

    What Python says of the games' sources is not told.
    """
    own = as_nltk()
    theirs = {name: sys.modules.pop(name) for name in own if name in sys.modules}
    sys.modules.update(own)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name in own:
            del sys.modules[name]
        sys.modules.update(theirs)


def _settle() -> None:
    """Give the modules that have been imported what is theirs to draw from, and nothing to print by."""
    for name, module in list(sys.modules.items()):
        if not name.startswith("textarena.") or vars(module).get("print") is _print_nothing:
            continue
        for attribute, ours in _PLACES.items():
            if isinstance(vars(module).get(attribute), ModuleType):
                setattr(module, attribute, ours)
        if name in _TELLING:
            setattr(module, _TELLING[name][0], _apart(module, _TELLING[name]))
        vars(module)["print"] = _print_nothing


def _apart(module: ModuleType, names: tuple[str, ...]) -> Callable[..., Any]:
    """Return the first of some functions, with variables of its own in each call: others may be called meanwhile."""
    functions: dict[str, FunctionType] = {name: vars(module)[name] for name in names}

    def call(*arguments: Any) -> Any:
        own = dict(vars(module))
        own.update((name, FunctionType(it.__code__, own, name, it.__defaults__)) for name, it in functions.items())
        return own[names[0]](*arguments)

    return call


def _print_nothing(*values: Any, **options: Any) -> None:
    """Stand for `print`."""


class _SharedWords(set[str]):
    """Words that copies of a game have in common."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self


def _shared(dictionary_class: Any) -> Any:
    """Return what makes each dictionary once: it takes a second, and tens of megabytes."""

    class Shared(dictionary_class):  # type: ignore[misc]
        @cache  # noqa: B019 - they are to stay
        def get_all_words(self) -> Any:
            return _SharedWords(super().get_all_words())

        def __deepcopy__(self, memo: dict[int, Any]) -> Any:
            return self

    return cache(Shared)
