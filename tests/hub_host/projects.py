"""Projects that are built and installed in a moment, without an index."""

from __future__ import annotations

__all__ = ["BUILT_AT_ONCE"]

# A build backend (PEP 517) of the project's own: a wheel is a zip of the package and three lines about it.
_BACKEND = """
import os
import zipfile


def build_wheel(directory, config_settings=None, metadata_directory=None):
    exec(open("while_building.py").read())
    name, info = "tiny_env-1.0-py3-none-any.whl", "tiny_env-1.0.dist-info"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        wheel.write("tiny_env.py")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: tiny-env\\nVersion: 1.0\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""

BUILT_AT_ONCE = {
    "pyproject.toml": """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "tiny-env"
version = "1.0"
""",
    "backend.py": _BACKEND,
    "while_building.py": "",
    "tiny_env.py": "said = 'one'\n",
}
