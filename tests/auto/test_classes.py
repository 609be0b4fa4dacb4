"""Which classes an installed environment has."""

from __future__ import annotations

from textwrap import dedent

import pytest

from openenv.auto._classes import action_class, client_class, observation_class
from openenv.auto._discovery import InstalledEnvironment, find_environment
from openenv.core import CallToolAction, CallToolObservation
from openenv.core.exceptions import ConfigurationError
from tests.site_packages import DICE, OLD_DICE, TOOLS, SitePackages


def _install(site: SitePackages, files: dict[str, str]) -> InstalledEnvironment:
    site.install("fair-dice", "dice_env", files, entry_point="dice")
    return find_environment("dice")


def _more(module: str, lines: str) -> str:
    return f"{dedent(module)}\n{lines}\n"


def _manifest(**fields: str) -> dict[str, str]:
    return {"openenv.yaml": "".join(f"{name}: {value}\n" for name, value in fields.items())}


@pytest.mark.parametrize("files", [DICE, OLD_DICE], ids=["today's", "published"])
def test_what_a_package_exports_is_found(site: SitePackages, files: dict[str, str]) -> None:
    found = _install(site, files)
    classes = (client_class(found), action_class(found), observation_class(found))
    assert [f"{each.__module__}.{each.__name__}" for each in classes] == [
        "dice_env.client.DiceEnv",
        "dice_env.models.DiceAction",
        "dice_env.models.DiceObservation",
    ]


def test_a_package_that_exports_nothing_has_them_in_their_usual_modules(site: SitePackages) -> None:
    found = _install(site, DICE | {"__init__.py": ""})
    assert client_class(found).__name__ == "DiceEnv"
    assert action_class(found).__name__ == "DiceAction"


def test_of_several_the_one_with_the_environments_name_is_meant(site: SitePackages) -> None:
    client = _more(DICE["client.py"], "class OtherEnv(DiceEnv): pass")
    found = _install(site, DICE | {"__init__.py": "from .client import OtherEnv, DiceEnv\n", "client.py": client})
    assert client_class(found).__name__ == "DiceEnv"


def test_the_manifest_goes_first(site: SitePackages) -> None:
    client = _more(DICE["client.py"], "class OtherEnv(DiceEnv): pass")
    manifest = _manifest(client="client:OtherEnv", action="models:OtherAction", observation="DiceObservation")
    models = _more(DICE["models.py"], "class OtherAction(Action): pass")
    found = _install(site, DICE | manifest | {"client.py": client, "models.py": models})
    assert client_class(found).__name__ == "OtherEnv"
    assert action_class(found).__name__ == "OtherAction"
    assert observation_class(found).__name__ == "DiceObservation"


def test_what_the_client_was_made_with_tells_its_actions(site: SitePackages) -> None:
    models = _more(DICE["models.py"], "class Roll(DiceAction): pass\nclass Hold(DiceAction): pass")
    client = DICE["client.py"].replace("DiceAction,", "Roll,")
    exports = "from .models import Hold, Roll\nfrom .client import DiceEnv\n"
    found = _install(site, DICE | {"models.py": models, "client.py": client, "__init__.py": exports})
    assert action_class(found).__name__ == "Roll"


def test_an_environment_of_tools_has_tool_calls(site: SitePackages) -> None:
    site.install("openenv-abacus", "abacus_env", TOOLS)
    found = find_environment("abacus")
    assert client_class(found).__name__ == "AbacusEnv"
    assert action_class(found) is CallToolAction
    assert observation_class(found) is CallToolObservation


def test_a_lazy_export_that_cannot_be_loaded_is_passed_over(site: SitePackages) -> None:
    exports = """
        from .client import DiceEnv
        __all__ = ["DiceServer", "DiceEnv"]
        def __getattr__(name):
            import no_such_module_here
    """
    assert client_class(_install(site, DICE | {"__init__.py": exports})).__name__ == "DiceEnv"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"__init__.py": "", "client.py": ""}, r"exports no client class: .* as DiceEnv, .*'client: client:DiceEnv'"),
        (_manifest(client="DizeEnv"), r"openenv.yaml: expected client as .* EnvClient of dice_env or .*got 'DizeEnv'"),
        (_manifest(client="DiceAction"), "expected client as a class derived from EnvClient"),
        (_manifest(client="klient:DiceEnv"), "No module named 'dice_env.klient'"),
        ({"__init__.py": "import no_such_module_here"}, r"No module named 'no_such.*pip install --upgrade fair-dice"),
    ],
)
def test_a_client_that_cannot_be_told_is_an_error_with_its_mend(
    site: SitePackages, files: dict[str, str], message: str
) -> None:
    found = _install(site, DICE | files)
    with pytest.raises(ConfigurationError, match=message):
        client_class(found)


def test_several_without_the_environments_name_are_an_error(site: SitePackages) -> None:
    client = _more(DICE["client.py"].replace("class DiceEnv", "class LeftEnv"), "class RightEnv(LeftEnv): pass")
    found = _install(site, DICE | {"__init__.py": "from .client import LeftEnv, RightEnv", "client.py": client})
    with pytest.raises(
        ConfigurationError, match=r"more than one client class \(LeftEnv, RightEnv\).*'client: LeftEnv'"
    ):
        client_class(found)


def test_actions_that_nothing_tells_are_an_error(site: SitePackages) -> None:
    client = "from openenv import GenericEnvClient\nclass DiceEnv(GenericEnvClient): pass\n"
    files = DICE | {"__init__.py": "from .client import DiceEnv", "client.py": client, "models.py": ""}
    with pytest.raises(ConfigurationError, match="exports no action class"):
        action_class(_install(site, files))
