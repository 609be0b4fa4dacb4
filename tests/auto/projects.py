"""Projects of Spaces, whose packages are built in a moment and without an index."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from textwrap import dedent

from tests.site_packages import DICE

__all__ = ["project"]

# A build backend (PEP 517) of the project's own. It tells that it ran by a line in the file that BUILT names.
_BACKEND = """
import json
import os
import zipfile
from pathlib import Path


def build_wheel(directory, config_settings=None, metadata_directory=None):
    if "BUILT" in os.environ:
        with open(os.environ["BUILT"], "a") as built:
            built.write("once more\\n")
    exec(Path("while_building.py").read_text())
    about = json.loads(Path("about.json").read_text())
    info = about["name"].replace("-", "_") + "-1.0.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {about['name']}", "Version: 1.0"]
    lines += [f"Requires-Dist: {each}" for each in about["requires"]]
    files = {str(path): path.read_text() for path in sorted(Path(about["package"]).rglob("*.*"))}
    files[f"{info}/METADATA"] = "\\n".join(lines) + "\\n"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    files[f"{info}/RECORD"] = "".join(f"{name},,\\n" for name in [*files, f"{info}/RECORD"])
    name = info.replace(".dist-info", "-py3-none-any.whl")
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return name
"""


def project(
    distribution: str = "openenv-dice-env",
    package: str = "dice_env",
    *,
    files: Mapping[str, str] | None = None,
    requires: Sequence[str] = (),
    while_building: str = "",
) -> dict[str, str]:
    """Return the files of a project.

    Args:
        distribution: The name of its distribution, whose version is always the same.
        package: The name of its package.
        files: The files of its package; by default an environment's.
        requires: What the distribution needs.
        while_building: Python that runs when it is built.
    """
    pyproject = {
        "build-system": {"requires": [], "build-backend": "backend", "backend-path": ["."]},
        "project": {"name": distribution, "version": "1.0", "dependencies": list(requires)},
    }
    tables = (
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
        for name, table in pyproject.items()
    )
    return {
        "pyproject.toml": "\n".join(tables),
        "backend.py": _BACKEND,
        "while_building.py": while_building,
        "about.json": json.dumps({"name": distribution, "package": package, "requires": list(requires)}),
        **{f"{package}/{name}": dedent(text) for name, text in (DICE if files is None else files).items()},
    }
