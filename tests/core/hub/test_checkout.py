"""The source of Spaces: git itself, on both ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from openenv.core.exceptions import HubError, HubUnreachableError, SpaceNotFoundError
from openenv.core.hub import HubSettings, SpaceName, check_out
from openenv.core.hub._cache import locked, place_of
from openenv.core.hub._git import git_variables
from openenv.core.hub._programs import ProgramRunner
from openenv.core.hub.checkout import resolve_commit
from tests.hub_host.hub import TOKEN, HostedSpace, Hub
from tests.terminals import shown_until

NAME = SpaceName("openenv", "echo-env")
PATIENCE_S = 60.0


@pytest.fixture
def space(hub: Hub) -> HostedSpace:
    return hub.add("openenv/echo-env", {"README.md": "one", "server/app.py": "app = None\n"})


def everything_in(directory: Path) -> dict[str, str]:
    paths = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_text() for path in paths}


def test_the_files_of_the_default_branch_are_fetched_once(hub: Hub, space: HostedSpace) -> None:
    first = check_out(NAME)
    fetches = hub.asked("git-upload-pack")
    second = check_out(first.name)

    assert everything_in(first.directory) == {"README.md": "one", "server/app.py": "app = None\n"}
    assert first.commit == space.repository.resolve("main")
    assert second == first
    assert hub.asked("git-upload-pack") == fetches, "a commit that is there was asked for"


def test_branches_tags_and_commits_are_found(space: HostedSpace) -> None:
    first = space.repository.resolve("main") or ""
    space.repository.tag("light")
    space.repository.tag("heavy", message="An object of its own")
    second = space.repository.commit({"README.md": "two"})
    third = space.repository.commit({"README.md": "three"}, branch="feature/x")

    found = {revision: check_out(NAME.at(revision)) for revision in (None, "light", "heavy", "feature/x", first)}

    assert {revision: each.commit for revision, each in found.items()} == {
        None: second,
        "light": first,
        "heavy": first,
        "feature/x": third,
        first: first,
    }
    assert (found["feature/x"].directory / "README.md").read_text() == "three"
    assert resolve_commit(NAME.at("refs/heads/feature/x")) == third


def test_a_branch_that_moves_gives_new_files_and_leaves_the_old_ones(space: HostedSpace) -> None:
    before = check_out(NAME)
    space.repository.commit({"README.md": "two"})
    after = check_out(NAME)

    assert [(each.directory / "README.md").read_text() for each in (before, after)] == ["one", "two"]


def test_a_host_that_gives_no_commit_by_its_name_is_searched(
    space: HostedSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = space.repository.resolve("main") or ""
    space.repository.commit({"README.md": "two"})
    # By the oldest protocol a host gives but the tips of branches and tags.
    for name, value in {"COUNT": "1", "KEY_0": "protocol.version", "VALUE_0": "0"}.items():
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)

    assert (check_out(NAME.at(first)).directory / "README.md").read_text() == "one"
    with pytest.raises(SpaceNotFoundError, match="has no commit openenv/echo-env@a"):
        check_out(NAME.at("a" * 40))


@pytest.mark.parametrize("revision", ["v9", "a" * 40, "0123abc"])
def test_a_revision_that_is_not_there_is_named(hub: Hub, space: HostedSpace, revision: str) -> None:
    with pytest.raises(SpaceNotFoundError, match=f"openenv/echo-env@{revision}"):
        check_out(NAME.at(revision))

    assert list((HubSettings().cache / "spaces").rglob("*.partial")) == []


def test_a_private_space_takes_the_token_which_is_left_nowhere(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("openenv/echo-env", {"README.md": "mine"}, is_private=True)
    with pytest.raises(SpaceNotFoundError, match="set HF_TOKEN"):
        check_out(NAME)

    monkeypatch.setenv("HF_TOKEN", TOKEN)
    found = check_out(NAME)

    assert everything_in(found.directory) == {"README.md": "mine"}
    kept = [path for path in HubSettings().cache.rglob("*") if path.is_file()]
    assert kept
    assert not any(TOKEN in path.read_text() for path in kept)
    assert HubSettings().cache.stat().st_mode & 0o077 == 0, "others may read it"


def test_a_token_that_does_not_open_it_is_not_shown(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("openenv/echo-env", {"README.md": "mine"}, is_private=True)
    monkeypatch.setenv("HF_TOKEN", "hf_a_token_of_nobody")

    with pytest.raises(SpaceNotFoundError, match="the token in use may not read it") as caught:
        check_out(NAME)

    assert "hf_a_token" not in f"{caught.value}{caught.value.__cause__}"


def test_the_token_is_in_no_argument_of_any_program(
    hub: Hub, space: HostedSpace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    space.is_private = True
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    log = tmp_path / "trace"
    monkeypatch.setenv("GIT_TRACE2", str(log))

    check_out(NAME)

    trace = log.read_text()
    assert "fetch --quiet" in trace
    assert TOKEN not in trace


def test_the_users_own_helpers_are_asked_where_there_is_no_token(
    hub: Hub, space: HostedSpace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    space.is_private = True
    (tmp_path / "gitconfig").write_text(f'[credential]\nhelper = "!echo username=me; echo password={TOKEN}; :"\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))

    assert check_out(NAME).commit == space.repository.resolve("main")


def test_git_of_another_program_has_the_token_too(
    hub: Hub, space: HostedSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    space.is_private = True
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    variables = {**os.environ, **git_variables(HubSettings())}

    done = subprocess.run(
        ["git", "ls-remote", NAME.page()], env=variables, capture_output=True, text=True, check=True, timeout=30
    )

    assert space.repository.resolve("main") in done.stdout.split()


def test_nothing_of_what_is_fetched_and_nothing_of_the_users_runs(
    hub: Hub, space: HostedSpace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "post-checkout").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    (hooks / "post-checkout").chmod(0o755)
    (tmp_path / "gitconfig").write_text(
        f'[core]\nhooksPath = {hooks}\n[filter "lfs"]\nsmudge = false\nrequired = true\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    # As a hook of another repository has them set.
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    module = f'[submodule "other"]\npath = other\nurl = {hub.url}/spaces/openenv/other\n'
    space.repository.commit({".gitattributes": "*.bin filter=lfs\n", "a.bin": pointer, ".gitmodules": module})

    found = check_out(NAME)

    assert (found.directory / "a.bin").read_text() == pointer
    assert not (tmp_path / "ran").exists()
    assert not (found.directory / ".git").exists()
    assert hub.asked("other") == 0


def test_one_of_many_fetches_and_all_have_it(hub: Hub, space: HostedSpace) -> None:
    pinned = NAME.at(space.repository.resolve("main"))
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: check_out(pinned), range(8)))

    assert len(set(found)) == 1
    assert sum(method == "POST" for method, _, _ in hub.requests) <= 2, "it was fetched more than once"


_FETCHING = """
from openenv.core.hub import SpaceName, check_out
check_out(SpaceName.parse("openenv/echo-env"))
"""


def test_a_terminal_shows_what_goes_on_and_nothing_else_does(space: HostedSpace) -> None:
    commit = space.repository.resolve("main")
    again = space.repository.commit({"README.md": "two"})
    ours, terminal = os.openpty()
    try:
        at_terminal = subprocess.run([sys.executable, "-c", _FETCHING], stderr=terminal, stdout=terminal, check=False)
        assert shown_until(f"fetching openenv/echo-env@{again}", ours)
    finally:
        os.close(ours)
        os.close(terminal)
    elsewhere = subprocess.run(
        [sys.executable, "-c", _FETCHING.replace("echo-env", f"echo-env@{commit}")], capture_output=True, check=False
    )

    assert (at_terminal.returncode, elsewhere.returncode) == (0, 0)
    assert (elsewhere.stdout, elsewhere.stderr) == (b"", b"")


def test_a_killed_process_leaves_nothing_that_is_taken_for_files(hub: Hub, space: HostedSpace) -> None:
    pinned = NAME.at(space.repository.resolve("main"))
    # Of the requests, the first two tell the commit, and the next begins to fetch it.
    hub.hold_after(2)
    process = subprocess.Popen([sys.executable, "-c", _FETCHING])
    assert hub.held.wait(PATIENCE_S)
    process.send_signal(signal.SIGKILL)
    process.wait()
    settings = HubSettings()
    partial = list(settings.cache.rglob("*.partial"))
    # git, which had no answer, has ended too, or it would hold this.
    with locked(place_of(pinned, "spaces", settings), "fetching it", ProgramRunner(PATIENCE_S)):
        hub.silence.set()

    found = check_out(pinned)

    assert partial, "it was killed too early or too late to tell"
    assert everything_in(found.directory)["README.md"] == "one"
    assert list(HubSettings().cache.rglob("*.partial")) == []


def test_a_hub_that_does_not_answer_is_given_up_in_time_and_leaves_no_program(hub: Hub, space: HostedSpace) -> None:
    hub.silence.clear()

    with pytest.raises(HubUnreachableError, match=r"took longer than 0\.3 s"):
        check_out(NAME, timeout_s=0.3)


def test_a_checkout_may_be_stopped_from_another_thread(hub: Hub, space: HostedSpace) -> None:
    hub.hold_after(0)
    runner = ProgramRunner(PATIENCE_S)
    with ThreadPoolExecutor(1) as thread:
        checking_out = thread.submit(check_out, NAME, runner=runner)
        assert hub.held.wait(PATIENCE_S)
        runner.stop()

        with pytest.raises(HubUnreachableError, match="was stopped"):
            checking_out.result(PATIENCE_S)


def test_a_hub_that_is_not_there_is_unreachable(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.failing = 500
    with pytest.raises(HubUnreachableError, match="cannot be reached"):
        check_out(NAME)


def test_git_is_named_where_it_is_missing(hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(HubError, match="needs the git command, which is not installed"):
        check_out(NAME)


def test_a_cache_that_cannot_be_written_is_named(
    hub: Hub, space: HostedSpace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("OPENENV_CACHE", str(tmp_path / "file"))

    with pytest.raises(HubError, match="OPENENV_CACHE name a directory that can"):
        check_out(NAME)
