"""What MkDocs is to do beside its own: pages that stand elsewhere in this repository, or are made of the code."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from scripts.api_reference import INSIDE, inside_page, reference_pages
from scripts.notebook_page import notebook_page

__all__ = ["on_config", "on_files", "on_page_markdown"]

_ROOT = Path(__file__).resolve().parents[1]
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")
_CODE = re.compile(r"^(```|~~~).*?^\1", re.M | re.S)
# Files of the repository that are pages of the site, and where.
_ELSEWHERE = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/README.md": "benchmarks.md",
    "docker/README.md": "docker-engine.md",
    "examples/OpenEnv_Tutorial.ipynb": "tutorial.md",
    "examples/README.md": "examples.md",
    **{
        str(readme.relative_to(_ROOT)): f"environments/{readme.parent.name}.md"
        for readme in sorted(_ROOT.glob("envs/*/README.md"))
    },
}
# Pictures in READMEs, which stand beside them.
_PICTURES = {
    str(picture.relative_to(_ROOT)): f"environments/{picture.parent.name}/{picture.name}"
    for picture in sorted(_ROOT.glob("envs/*/*.png"))
}
_SOURCES = {page: source for source, page in _ELSEWHERE.items()}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the pages that are found rather than listed to the navigation."""
    readmes = [{_title(page): page} for page in _SOURCES if page.startswith("environments/")]
    # Written by `make environments`, which takes an engine for images.
    report = [name for name in ("environment-report.md",) if (_ROOT / "docs" / name).exists()]
    _extend(config.nav, "Environments", [*readmes, *report])
    _extend(config.nav, "Python", [{page.package: page.path} for page in reference_pages() if not page.is_inside])
    return config


def _title(page: str) -> str:
    heading = re.search(r"^# (.+)$", (_ROOT / _SOURCES[page]).read_text(encoding="utf-8"), re.M)
    return heading[1] if heading else page


def _extend(nav: Any, section: str, pages: list[Any]) -> None:
    """Add pages to the section of a name, wherever it is."""
    for item in nav if isinstance(nav, list) else ():
        for name, children in item.items() if isinstance(item, dict) else ():
            if name == section:
                children.extend(pages)
            _extend(children, section, pages)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that do not stand among the documents."""
    for source, page in _ELSEWHERE.items():
        pictures: dict[str, bytes] = {}
        if source.endswith(".ipynb"):
            text, pictures = notebook_page(_ROOT / source, "tutorial_")
        else:
            text = (_ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
        for name, picture in pictures.items():
            files.append(File.generated(config, name, content=picture))
    for source, place in _PICTURES.items():
        files.append(File.generated(config, place, content=(_ROOT / source).read_bytes()))
    files.append(File.generated(config, INSIDE, content=inside_page()))
    for reference in reference_pages():
        files.append(File.generated(config, reference.path, content=reference.markdown()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links to files of the repository lead to their pages."""
    del config
    here = _SOURCES.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    parts = []
    place = 0
    for code in _CODE.finditer(markdown):
        parts += [_relinked(markdown[place : code.start()], here, page, files), code[0]]
        place = code.end()
    return "".join([*parts, _relinked(markdown[place:], here, page, files)])


def _relinked(text: str, here: str, page: Page, files: Files) -> str:
    def linked(link: re.Match[str]) -> str:
        mark, words, path, anchor = link.groups(default="")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(here), path))
        places = {**_ELSEWHERE, **_PICTURES}
        found = places.get(target) or places.get(f"{target}/README.md") or target.removeprefix("docs/")
        if files.get_file_from_path(found):
            there = posixpath.relpath(found, posixpath.dirname(page.file.src_uri) or ".")
            return f"{mark}[{words}]({there}{anchor})"
        # What is in the repository and not on the site is named there; a link to nothing is MkDocs' to complain of.
        return words if (_ROOT / target).exists() else link[0]

    return _LINK.sub(linked, text)
