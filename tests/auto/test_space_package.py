"""Packages of Spaces, installed by uv and pip into a running interpreter's environment."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from openenv.auto._space_package import PlannedInstallation, agreement_by
from openenv.core.exceptions import UntrustedCodeError
from openenv.core.hub import SpaceName
from tests.auto.projects import project
from tests.auto.throwaway import ThrowawayPython
from tests.hub_host.hub import TOKEN, HostedSpace, Hub

pytestmark = pytest.mark.lengthy

NAME = "meta-pytorch/dice-env"
INSTALL = f"""
try:
    found = AutoAction.from_env({NAME!r} + os.environ.get("AT", ""), trust_remote_code=True)
    tell(action=found.__name__, module=found.__module__)
except OpenEnvError as error:
    tell(error=type(error).__name__, message=str(error))
"""
INSTALLERS = pytest.mark.parametrize("installer", ["uv", pytest.param("pip", marks=pytest.mark.slow)])


@pytest.fixture(autouse=True)
def own_uv_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Or a wheel of the same commit that another test built would be taken.
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "pip-cache"))


@pytest.fixture
def space(hub: Hub) -> HostedSpace:
    """Return a Space that does not run."""
    return hub.add(NAME, project(requires=["openenv-core>=0.2"]))


def _main(space: HostedSpace) -> str:
    return space.repository.resolve("main") or ""


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_nothing_is_built_before_the_user_agrees_and_then_it_is_there_at_once(
    throwaway: ThrowawayPython, hub: Hub, space: HostedSpace, tmp_path: Path, installer: str
) -> None:
    built = tmp_path / "built"
    code = f"""
def action(**options):
    return AutoAction.from_env({NAME!r}, **options)

try:
    action()
except UntrustedCodeError as error:
    refused, at = str(error), error.revision
built_unasked = os.path.exists({str(built)!r})
print("now", file=sys.stderr)
found = action(trust_remote_code=True)
again = action()
info = AutoEnv.get_env_info("dice")
tell(refused=refused, at=at, built_unasked=built_unasked, module=found.__module__, same=again is found,
     directory=info["directory"], origin=info["origin"], prefix=sys.prefix)
"""
    told, errors = throwaway.run(code, installer, BUILT=str(built))

    source = f"git+{hub.url}/spaces/{NAME}@{_main(space)}"
    planned = f"install {source} into {told['prefix']} by {installer}"
    assert told["refused"].startswith(f"to {planned} would run code of {NAME}@{_main(space)} as you")
    assert "trust_remote_code=True" in told["refused"]
    assert told["at"] == _main(space)
    assert not told["built_unasked"]
    assert errors == f"now\ngoing to {planned}\n", "what is installed was not told, or more than that"
    assert built.exists()
    assert (told["module"], told["same"]) == ("dice_env.models", True)
    assert told["directory"] == str(throwaway.packages / "dice_env")
    assert f"git+{told['origin']}" == source


@INSTALLERS
def test_the_revision_asked_for_is_installed_though_its_version_is_the_same(
    throwaway: ThrowawayPython, hub: Hub, space: HostedSpace, installer: str
) -> None:
    space.repository.tag("v1")
    newer = project(files={"__init__.py": "said = 'newer'", "client.py": ""})
    second = space.repository.commit(newer)
    code = f"""
from openenv.auto._space_package import agreement_by, package_of
from openenv.core.hub import SpaceName
found = package_of(SpaceName.parse({NAME!r}, os.environ["AT"]), agreement_by(True))
text = (found.directory / "__init__.py").read_text()
tell(commit=found.origin.commit, newer="newer" in text, files=sorted(p.name for p in found.directory.iterdir()))
"""
    first, _ = throwaway.run(code, installer, AT="v1")
    then, _ = throwaway.run(code, installer, AT="main")
    asked = len(hub.requests)
    pinned, errors = throwaway.run(code, "none", AT=second, HF_ENDPOINT="http://127.0.0.1:9")

    assert (first["commit"], first["newer"]) != (second, True)
    assert (then["commit"], then["newer"]) == (second, True)
    assert "server" in first["files"]
    assert "server" not in then["files"], "files of the older commit were left"
    assert (pinned, errors) == (then, ""), "a commit that is installed needs neither the Hub nor an installer"
    assert len(hub.requests) == asked


def test_another_commit_is_not_installed_under_what_is_imported(throwaway: ThrowawayPython, space: HostedSpace) -> None:
    space.repository.tag("v1")
    space.repository.commit(project(files={"__init__.py": "", "client.py": ""}))
    code = f"""
AutoAction.from_env({NAME!r}, trust_remote_code=True, revision="v1")
try:
    AutoAction.from_env({NAME!r}, trust_remote_code=True, revision="main")
except ConfigurationError as error:
    tell(message=str(error))
"""
    told, _ = throwaway.run(code)

    assert re.search(r"while dice_env of another commit is imported: restart Python", told["message"])


@pytest.mark.parametrize(
    ("theirs", "told"),
    [
        (project(), "its distribution openenv-dice-env is installed already, from .*/spaces/meta-pytorch/dice-env@"),
        (project("fair-dice", files={"__init__.py": "", "client.py": "mine = 1"}), "is there already, from openenv-di"),
        (project("pydantic"), "its distribution pydantic is installed already, from an index"),
        (project("random-env", "random"), r"its package 'random' would be hidden by .*/random.py"),
    ],
    ids=["same distribution", "same package", "what was there", "standard library"],
)
def test_nothing_of_anybody_elses_is_overwritten(
    throwaway: ThrowawayPython, hub: Hub, space: HostedSpace, theirs: dict[str, str], told: str
) -> None:
    hub.add("somebody/dice-env", theirs)
    code = f"""
AutoEnv.get_env_info({NAME!r}, trust_remote_code=True)
try:
    AutoEnv.get_env_info("somebody/dice-env", trust_remote_code=True)
except ConfigurationError as error:
    tell(message=str(error), is_whole=AutoEnv.get_env_class({NAME!r}).__name__ == "DiceEnv")
"""
    facts, _ = throwaway.run(code)

    assert re.search(told, facts["message"])
    assert "Uninstall that first, or work in another virtual environment" in facts["message"]
    assert facts["is_whole"]
    assert "mine" not in (throwaway.packages / "dice_env" / "client.py").read_text()
    assert not (throwaway.packages / "fair_dice-1.0.dist-info").exists()


def test_what_is_no_environment_is_not_installed(throwaway: ThrowawayPython, hub: Hub) -> None:
    hub.add(NAME, project("chat-app", "chat_app", files={"__init__.py": "import gradio\n"}))

    told, _ = throwaway.run(INSTALL)

    assert told["error"] == "ConfigurationError"
    assert "is no environment for OpenEnv, and nothing of it was installed" in told["message"]
    assert not (throwaway.packages / "chat_app").exists()


@INSTALLERS
def test_openenv_itself_is_not_replaced(throwaway: ThrowawayPython, hub: Hub, installer: str) -> None:
    hub.add(NAME, project(requires=["openenv-core<0.5"]))
    before = {path.name for path in throwaway.packages.iterdir()}

    told, _ = throwaway.run(INSTALL, installer)

    assert told["error"] == "ProviderError"
    assert re.search(r"ended with status 1:(.|\n)*openenv-core", told["message"])
    assert {path.name for path in throwaway.packages.iterdir()} - before <= {".openenv.lock"}


@INSTALLERS
def test_what_the_installer_says_is_told_without_secrets(
    throwaway: ThrowawayPython, hub: Hub, monkeypatch: pytest.MonkeyPatch, installer: str
) -> None:
    spying = (
        "raise RuntimeError(f'no luck with {os.environ.get(chr(72) + str(chr(70)) + chr(95) + chr(84) + \"OKEN\")}')"
    )
    hub.add(NAME, project(while_building=spying), is_private=True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)

    told, errors = throwaway.run(INSTALL, installer)

    assert told["error"] == "ProviderError"
    assert "no luck with ***" in told["message"]
    assert TOKEN not in told["message"] + errors


@INSTALLERS
def test_a_private_space_is_installed_with_the_token_which_is_left_nowhere(
    throwaway: ThrowawayPython, hub: Hub, monkeypatch: pytest.MonkeyPatch, installer: str
) -> None:
    hub.add(NAME, project(), is_private=True)
    refused, _ = throwaway.run(INSTALL, installer)
    monkeypatch.setenv("HF_TOKEN", TOKEN)

    told, errors = throwaway.run(INSTALL, installer)

    assert (refused["error"], told["action"]) == ("SpaceNotFoundError", "DiceAction")
    [info] = throwaway.packages.glob("openenv_dice_env*")
    assert not any(TOKEN in path.read_text() for path in info.iterdir())
    assert TOKEN not in errors


@pytest.mark.slow
@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_what_an_interrupted_installation_left_is_mended(
    throwaway: ThrowawayPython, space: HostedSpace, installer: str
) -> None:
    throwaway.run(INSTALL, installer)
    [info] = throwaway.packages.glob("openenv_dice_env*")
    for written_last in ("RECORD", "direct_url.json"):
        (info / written_last).unlink()
    (throwaway.packages / "dice_env" / "models.py").unlink()

    told, _ = throwaway.run(INSTALL, installer)

    assert told["action"] == "DiceAction"


def test_of_two_that_install_it_at_once_both_have_it(
    throwaway: ThrowawayPython, hub: Hub, space: HostedSpace, tmp_path: Path
) -> None:
    built = tmp_path / "built"
    programs = [throwaway.start(INSTALL, BUILT=str(built)) for _ in range(2)]

    assert [throwaway.told(program)[0].get("action") for program in programs] == ["DiceAction", "DiceAction"]
    assert len(built.read_text().splitlines()) == 1, "it was built more than once"


@INSTALLERS
def test_ctrl_c_ends_what_is_being_built_and_the_next_one_goes_on(
    throwaway: ThrowawayPython, hub: Hub, tmp_path: Path, installer: str
) -> None:
    line = tmp_path / "line"
    os.mkfifo(line)
    pausing = f"import signal; line = open({str(line)!r}, 'w'); line.write('building'); line.flush(); signal.pause()"
    space = hub.add(NAME, project(while_building=pausing))
    program = throwaway.start(INSTALL, installer)
    with line.open() as building:
        assert building.read(8) == "building"
        program.send_signal(signal.SIGINT)
        _, errors = program.communicate(timeout=60)

        # What is built holds the other end open for as long as it lives.
        assert building.read() == ""
    assert program.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in errors
    space.repository.commit(project())
    assert throwaway.run(INSTALL, installer)[0]["action"] == "DiceAction"


def test_without_an_installer_it_says_so(throwaway: ThrowawayPython, space: HostedSpace, tmp_path: Path) -> None:
    hidden = throwaway.packages / "pip"
    hidden.rename(tmp_path / "pip")
    try:
        told, _ = throwaway.run(INSTALL, "none")
    finally:
        (tmp_path / "pip").rename(hidden)

    assert told["error"] == "ConfigurationError"
    assert "neither uv nor pip is there" in told["message"]
    assert "-m ensurepip" in told["message"]


def test_git_is_named_where_it_is_missing(throwaway: ThrowawayPython, space: HostedSpace, tmp_path: Path) -> None:
    told, _ = throwaway.run(INSTALL, PATH=str(tmp_path))

    assert told["error"] == "HubError"
    assert "needs the git command" in told["message"]


def test_a_replaced_dependency_is_told(throwaway: ThrowawayPython, hub: Hub) -> None:
    # The die of its own that it needs is there in another version.
    info = throwaway.packages / "old_dice-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: old-dice\nVersion: 0.1\n")
    (info / "RECORD").write_text("old_dice-0.1.dist-info/METADATA,,\nold_dice-0.1.dist-info/RECORD,,\n")
    other = hub.add("somebody/old-dice", project("old-dice", "old_dice", files={"__init__.py": ""}))
    url = f"git+{hub.url}/spaces/somebody/old-dice@{_main(other)}"
    hub.add(NAME, project(requires=[f"old-dice @ {url}"]))

    told, errors = throwaway.run(INSTALL)

    assert told.get("action") == "DiceAction"
    assert "the installation replaced old-dice 0.1 by 1.0: restart this process" in errors


def test_the_environment_variable_agrees_too(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    name = SpaceName("org", "dice", "0" * 40)
    planned = PlannedInstallation(name, f"git+{name.page()}@{name.revision}", name.page(), "/somewhere", "uv")
    with pytest.raises(UntrustedCodeError):
        agreement_by(False)(planned)

    monkeypatch.setenv("OPENENV_TRUST_REMOTE_CODE", "1")
    agreement_by(False)(planned)

    assert caplog.messages == [f"going to {planned}"]


@pytest.mark.slow
def test_variables_do_not_redirect_the_installation(
    throwaway: ThrowawayPython, space: HostedSpace, tmp_path: Path
) -> None:
    elsewhere = {name: str(tmp_path / "elsewhere") for name in ("PIP_TARGET", "PIP_PREFIX", "UV_PYTHON")}

    told, _ = throwaway.run(INSTALL, "pip", PIP_USER="1", **elsewhere)

    assert told.get("action") == "DiceAction"
    assert not (tmp_path / "elsewhere").exists()
