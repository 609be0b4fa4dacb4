"""The pages of the API reference: every name of every `__all__`, by package."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import cast

import griffe

__all__ = ["INSIDE", "ReferencePage", "described_names", "inside_page", "public_modules", "reference_pages"]

_SOURCE = Path(__file__).resolve().parents[1] / "src"
_ROOT_PACKAGE = "openenv"
INSIDE = "reference/inside.md"
# Who looks for something finds the pages that explain it before those that list it.
_HEAD = """---
search:
  boost: 0.5
  exclude: {is_hidden}
---

# {title}

{told}
"""
_INSIDE = (
    "What `{package}` itself is made of. Code outside this repository does without it, and it changes without notice."
)


@dataclass(frozen=True)
class ReferencePage:
    """A page of the reference.

    Attributes:
        package: The package that it is about.
        is_inside: Whether it is about the modules of which the package exports nothing.
        modules: The modules whose own names it describes.
        names: The names that the package exports, with the paths at which they are described.
        told: What the page begins with.
    """

    package: str
    is_inside: bool
    modules: Sequence[griffe.Module]
    told: str
    names: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Return where the page is, below the directory of the documents."""
        return f"reference/{'inside/' if self.is_inside else ''}{self.package}.md"

    def markdown(self) -> str:
        """Return the page."""
        title = f"Inside {self.package}" if self.is_inside else self.package
        parts = [_HEAD.format(title=title, told=self.told, is_hidden=str(self.is_inside).lower())]
        if self.names:
            parts.append(_table(self.names))
        for module in self.modules:
            parts.append(_directive(module))
            if not module.is_init_module and _foreign(module):
                parts.append(_table(_foreign(module)))
        return "\n".join(parts)


@cache
def _package() -> griffe.Module:
    package = griffe.load(_ROOT_PACKAGE, search_paths=[_SOURCE], resolve_aliases=True)
    return cast(griffe.Module, package)


def public_modules() -> Iterator[griffe.Module]:
    """Yield the modules that have names for others, packages before what is in them."""
    yield from (module for module in _modules_of(_package()) if module.exports)


def _modules_of(module: griffe.Module) -> Iterator[griffe.Module]:
    yield module
    for name, child in sorted(module.modules.items()):
        if not name.startswith("_") and not child.is_alias:
            yield from _modules_of(child)


def reference_pages() -> list[ReferencePage]:
    """Return all pages of the reference."""
    packages = [module for module in _modules_of(_package()) if module.is_init_module]
    exported = {path for package in packages for path in _exported(package).values()}
    pages = []
    for package in packages:
        modules = _modules_in(package)
        shown = [module for module in modules if exported & set(_exported(module).values())]
        hidden = [module for module in modules if module not in shown]
        if shown or package.exports:
            pages.append(ReferencePage(package.path, False, shown, _told(package), _exported(package)))
        if hidden:
            pages.append(ReferencePage(package.path, True, hidden, _INSIDE.format(package=package.path)))
    return pages


def described_names() -> set[str]:
    """Return the paths of all names that the pages describe."""
    return {f"{module.path}.{name}" for module in public_modules() for name in _own_names(module)}


def inside_page() -> str:
    """Return the page that leads to those about what packages are made of."""
    rows = [
        f"| [{page.package}]({page.path.removeprefix('reference/')}) | {_first_line(page.package)} |"
        for page in reference_pages()
        if page.is_inside
    ]
    told = "What the packages themselves are made of, for whoever works on OpenEnv. It changes without notice."
    return "\n".join(["# Inside", "", told, "", "| Package | What it is |", "|---|---|", *rows, ""])


def _modules_in(package: griffe.Module) -> list[griffe.Module]:
    """Return the modules right in a package that have names for others, and itself where it defines some."""
    inner = [module for _, module in sorted(package.modules.items()) if not module.name.startswith("_")]
    own = [package] if _own_names(package) else []
    return own + [module for module in inner if module.exports and not module.is_init_module]


def _exported(module: griffe.Module) -> dict[str, str]:
    """Return the names of a module's `__all__`, with the paths at which they are defined."""
    return {name: _defined_at(module.members[name]) for name in _all_of(module)}


def _defined_at(member: griffe.Object | griffe.Alias) -> str:
    try:
        return member.canonical_path
    except griffe.AliasResolutionError as error:
        return error.alias.target_path  # of another distribution


def _foreign(module: griffe.Module) -> dict[str, str]:
    """Return the names of a module's `__all__` that are defined elsewhere."""
    own = _own_names(module)
    return {name: path for name, path in _exported(module).items() if name not in own}


def _all_of(module: griffe.Module) -> list[str]:
    return [str(name) for name in module.exports or ()]


def _own_names(module: griffe.Module) -> list[str]:
    """Return the names of a module's `__all__` that it defines itself, or has from a private module first of all."""
    homes = _homes()
    return [name for name, path in _exported(module).items() if homes.get(path) == module.path]


@cache
def _homes() -> dict[str, str]:
    """Return the module that is to describe each name, by the path where that is defined."""
    homes: dict[str, str] = {}
    # A module goes before the packages that export its names.
    for module in sorted(public_modules(), key=lambda module: (module.is_init_module, module.path)):
        for path in _exported(module).values():
            parent = path.rpartition(".")[0]
            if parent == module.path or ("._" in parent and _is_ours(path)):
                homes.setdefault(path, module.path)
    return homes


def _told(package: griffe.Module) -> str:
    return package.docstring.value if package.docstring else ""


def _table(names: dict[str, str]) -> str:
    rows = [
        f"| [`{name}`][{path}] | {_first_line(path)} |" if _is_ours(path) else f"| `{name}` | `{path}` |"
        for name, path in sorted(names.items())
    ]
    return "\n".join(["| Name | What it is |", "|---|---|", *rows, ""])


def _is_ours(path: str) -> bool:
    return path.startswith(f"{_ROOT_PACKAGE}.")


def _first_line(path: str) -> str:
    """Return what is said of a package or name in a line."""
    described = _package()[path.partition(".")[2]] if "." in path else _package()
    if described.docstring:
        text = described.docstring.value.partition("\n\n")[0].replace("\n", " ")
    else:
        text = f"`{described.value}`" if isinstance(described, griffe.Attribute) else ""
    return text.replace("|", "\\|")


def _directive(module: griffe.Module) -> str:
    options = {
        "heading_level": 2,
        "inherited_members": sorted(_from_private_bases(module)),
        "members": _own_names(module),
        "show_root_full_path": True,
    }
    return f"::: {module.path}\n    options: {json.dumps(options)}\n"


def _from_private_bases(module: griffe.Module) -> set[str]:
    """Return the names that a module's classes have from bases which have no place of their own in the reference."""
    classes = (module.members[name] for name in _own_names(module) if module.members[name].is_class)
    return {
        name
        for one in classes
        for name, member in one.inherited_members.items()
        if "._" in member.canonical_path and not name.startswith("_") and name != "model_config"
    }
