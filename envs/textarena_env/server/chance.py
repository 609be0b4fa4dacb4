"""Chance that belongs to one game, where games draw from the chance of the whole process."""

import contextlib
import random
from collections.abc import Iterator
from contextvars import ContextVar
from types import ModuleType
from typing import Any

__all__ = ["Chance", "as_numpy", "as_random"]


class Chance:
    """What a game draws from.

    Args:
        seed: What it follows from.
    """

    def __init__(self, seed: int) -> None:
        self._python = random.Random(seed)  # noqa: S311
        self._seed = seed
        self._numpy: Any = None

    @property
    def python(self) -> random.Random:
        """What has the place of the module `random`."""
        return self._python

    @property
    def numpy(self) -> Any:
        """What has the place of `numpy.random`, and is made when it is wanted."""
        if self._numpy is None:
            import numpy

            self._numpy = numpy.random.RandomState(self._seed % 2**32)
        return self._numpy

    @contextlib.contextmanager
    def drawn(self) -> Iterator[None]:
        """Have the modules that `as_random` and `as_numpy` gave draw from it, in this thread."""
        token = _DRAWN.set(self)
        try:
            yield
        finally:
            _DRAWN.reset(token)


_DRAWN: ContextVar[Chance | None] = ContextVar("drawn", default=None)


class _Random(ModuleType):
    """Has the place of the module `random` in the modules of games."""

    def __getattr__(self, name: str) -> Any:
        chance = _DRAWN.get()
        return getattr(random if chance is None or not hasattr(chance.python, name) else chance.python, name)


class _NumpyRandom(ModuleType):
    def __getattr__(self, name: str) -> Any:
        import numpy

        chance = _DRAWN.get()
        if chance is not None and name == "default_rng":
            return lambda seed=None: numpy.random.default_rng(chance.python.getrandbits(64) if seed is None else seed)
        return getattr(numpy.random if chance is None or not hasattr(chance.numpy, name) else chance.numpy, name)


class _Numpy(ModuleType):
    """Has the place of the module `numpy` in the modules of games."""

    random = _NumpyRandom("numpy.random")

    def __getattr__(self, name: str) -> Any:
        import numpy

        return getattr(numpy, name)


as_random = _Random("random")
as_numpy = _Numpy("numpy")
