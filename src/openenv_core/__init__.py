"""The older import name of `openenv.core`: `openenv_core.x.y` is the very module `openenv.core.x.y`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

__all__: list[str] = []

_OLD, _NEW = "openenv_core", "openenv.core"


class _SameModuleLoader(Loader):
    """Give the module of the new name where the old name is imported."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Import the module under its new name."""
        module = importlib.import_module(self._name)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module back the spec that the import system has just replaced by the old name's."""
        module.__spec__ = self._spec


class _OldNameFinder(MetaPathFinder):
    """Find `openenv_core.x` at `openenv.core.x`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec for a submodule of the old name, or None for any other name."""
        if not fullname.startswith(f"{_OLD}."):
            return None
        name = _NEW + fullname.removeprefix(_OLD)
        found = importlib.util.find_spec(name)
        if found is None:
            return None
        is_package = found.submodule_search_locations is not None
        return importlib.util.spec_from_loader(
            fullname, _SameModuleLoader(name), origin=found.origin, is_package=is_package
        )


warnings.warn(f"{_OLD!r} is an old name: import {_NEW!r} instead", DeprecationWarning, stacklevel=2)
# Ahead of the path finder, which would find the same files again and load them as other modules.
sys.meta_path.insert(0, _OldNameFinder())
sys.modules[__name__] = importlib.import_module(_NEW)
