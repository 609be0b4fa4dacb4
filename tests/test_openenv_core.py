"""The older import name `openenv_core`: the same modules, and one warning."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent


def _run(code: str, *options: str) -> str:
    """Run code in a fresh interpreter, for the name is imported once per process, and return its output."""
    result = subprocess.run(
        [sys.executable, *options, "-c", dedent(code)], capture_output=True, text=True, check=False, timeout=110
    )
    assert result.returncode == 0, result.stderr
    return result.stdout + result.stderr


def test_modules_are_the_very_same_whichever_name_comes_first() -> None:
    _run("""
        import warnings
        warnings.simplefilter("ignore")
        import openenv_core.env_server.types as old
        import openenv.core.env_server.types as new
        assert old is new
        import openenv.core.exceptions as new
        import openenv_core.exceptions as old
        assert old is new
        import openenv_core, openenv.core
        assert openenv_core is openenv.core
        from openenv_core.env_server.types import Action
        assert Action.__module__ == "openenv.core.env_server.types"
    """)


def test_modules_keep_what_the_import_system_says_of_them() -> None:
    _run("""
        import warnings
        warnings.simplefilter("ignore")
        import openenv_core.env_server.types as module
        assert module.__name__ == module.__spec__.name == "openenv.core.env_server.types", module.__spec__
        assert module.__spec__.has_location
        import importlib
        assert importlib.reload(module) is module
    """)


def test_the_old_name_warns_once_and_points_at_the_import() -> None:
    output = _run(
        """
        import openenv_core.exceptions
        import openenv_core.env_server.types
        from openenv_core import exceptions
        """,
        "-W",
        "always",
    )

    assert output.count("DeprecationWarning") == 1
    assert "<string>:2: DeprecationWarning" in output
    assert "openenv.core" in output


def test_the_new_name_does_not_warn() -> None:
    assert _run("import openenv.core.env_server.types", "-W", "error") == ""


def test_a_missing_module_is_the_usual_error() -> None:
    output = _run("""
        import importlib.util, warnings
        warnings.simplefilter("ignore")
        import openenv_core
        assert importlib.util.find_spec("openenv_core.nothing_here") is None
        try:
            import openenv_core.nothing_here
        except ModuleNotFoundError as error:
            print(error, error.name)
    """)

    assert "openenv_core.nothing_here" in output
