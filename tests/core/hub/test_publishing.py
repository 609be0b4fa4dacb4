"""Environments published on a Hub, and copied there."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from openenv.core.exceptions import ConfigurationError, HubError, HubUnreachableError, SpaceNotFoundError
from openenv.core.hub import SpaceName, copy_source, duplicate, plan_upload, publish
from openenv.core.hub._project_files import project_files
from openenv.scaffold import create_project
from tests.hub_host.connections import close_connections
from tests.hub_host.fixtures import ECHO_FILES
from tests.hub_host.hub import TOKEN, WRITER, WRITER_TOKEN, Hub

NAME = f"{WRITER}/dice-env"
PATIENCE_S = 60.0


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return the directory of a new environment."""
    return create_project("dice", parent=tmp_path / "projects").directory


@pytest.fixture
def writing(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """Return a Hub on which this process may write."""
    monkeypatch.setenv("HF_TOKEN", WRITER_TOKEN)
    return hub


def test_a_space_is_made_and_holds_the_project(project: Path, writing: Hub) -> None:
    (project / ".env").write_text("SECRET=1")
    (project / "server" / "__pycache__").mkdir()
    (project / "server" / "__pycache__" / "app.pyc").write_bytes(b"\0")

    published = publish(plan_upload(project), private=True, message="The first")

    space = writing.spaces[NAME]
    written = {path.relative_to(project).as_posix() for path in project.rglob("*") if path.is_file()}
    made = {".env", "server/__pycache__/app.pyc"}
    assert set(space.repository.files()) == (written - made) | {".gitattributes"}
    assert space.repository.read("models.py") == (project / "models.py").read_text().strip()
    assert (space.is_private, space.repository.git("log", "-1", "--format=%s", "main")) == (True, "The first")
    assert published.name == SpaceName.parse(NAME, space.repository.resolve("main"))
    assert (published.url, published.pull_request) == (f"{writing.url}/spaces/{NAME}", "")


def test_a_second_upload_changes_what_is_different_and_removes_what_is_gone(project: Path, writing: Hub) -> None:
    publish(plan_upload(project))
    (project / "models.py").rename(project / "model.py")

    published = publish(plan_upload(project))

    repository = writing.spaces[NAME].repository
    assert published.deleted == ("models.py",)
    changed = repository.git("diff", "--name-status", "--no-renames", "main~1", "main").splitlines()
    assert changed == ["A\tmodel.py", "D\tmodels.py"]
    before = repository.resolve("main")
    assert publish(plan_upload(project)).name.revision == before, "nothing has changed"


def test_a_pull_request_leaves_the_space_as_it_is(project: Path, writing: Hub) -> None:
    space = writing.add("others/dice-env", {"README.md": "theirs", "old.py": ""})
    before = space.repository.resolve("main")

    published = publish(plan_upload(project, "others/dice-env"), create_pr=True)

    assert published.pull_request == f"{writing.url}/spaces/others/dice-env/discussions/1"
    assert space.repository.resolve("main") == before
    assert published.name.revision == space.repository.resolve("refs/pr/1")
    assert "old.py" not in space.repository.files("refs/pr/1")


def test_a_pull_request_to_a_space_that_is_not_there_is_told(project: Path, writing: Hub) -> None:
    with pytest.raises(SpaceNotFoundError, match="has no Space others/none"):
        publish(plan_upload(project, "others/none"), create_pr=True)


def test_without_a_token_nothing_is_sent(project: Path, hub: Hub) -> None:
    for attempt in (lambda: plan_upload(project), lambda: publish(plan_upload(project, NAME))):
        with pytest.raises(HubError, match=r"run 'hf auth login', or set HF_TOKEN to a token that may write"):
            attempt()
    assert hub.requests == []


def test_a_token_that_may_not_write_there_is_told(project: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)

    with pytest.raises(HubError, match=r"does not let the token in use write writer/dice-env: make one that may write"):
        publish(plan_upload(project, NAME))
    assert NAME not in hub.spaces


def test_a_hub_that_fails_or_is_silent_is_told(project: Path, writing: Hub) -> None:
    planned = plan_upload(project, NAME)
    writing.failing = 500
    with pytest.raises(HubError, match="refused to tell of writer/dice-env"):
        publish(planned)
    writing.failing = None
    writing.hold_after(0)
    with pytest.raises(HubUnreachableError, match=r"within 0\.2 s"):
        publish(planned, timeout_s=0.2)
    writing.silence.set()
    for thread in threading.enumerate():
        if thread.name == "asks the Hub":
            thread.join()
    assert "models.py" not in writing.spaces[NAME].repository.files(), "what was given up was done all the same"


def test_a_connection_that_another_thread_closes_costs_no_upload(project: Path, writing: Hub) -> None:
    planned = plan_upload(project, NAME)
    # The commit is held, as below, after the Space was made.
    writing.hold_after(4)
    with ThreadPoolExecutor() as threads:
        publishing = threads.submit(publish, planned)
        assert writing.held.wait(PATIENCE_S)
        close_connections()
        writing.silence.set()
        assert publishing.result().name.repo_id == NAME


def test_a_pull_request_of_which_nobody_knows_whether_it_was_opened_is_not_opened_twice(
    project: Path, writing: Hub
) -> None:
    space = writing.add("others/dice-env", {"README.md": "theirs"})
    planned = plan_upload(project, "others/dice-env")
    # It lists the files, has the header looked at, is told how to send each file, and commits.
    writing.hold_after(3)
    with ThreadPoolExecutor() as threads:
        publishing = threads.submit(publish, planned, create_pr=True)
        assert writing.held.wait(PATIENCE_S)
        close_connections()
        writing.silence.set()
        # It may be cut off before it has sent anything, or have its answer already.
        with contextlib.suppress(HubUnreachableError):
            publishing.result()
    assert space.pull_requests <= 1


def test_a_header_that_the_hub_does_not_take_is_told(project: Path, writing: Hub) -> None:
    readme = project / "README.md"
    readme.write_text(readme.read_text().replace("colorFrom: blue", "colorFrom: bluish"))

    with pytest.raises(HubError, match=r"does not take the header of README.md: .*"):
        publish(plan_upload(project))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("sdk: docker", "sdk: static", r"README\.md: expected sdk as 'sdk: docker' in its header, got 'static'"),
        ("app_port: 8000", "app_port: 1", r"expected app_port as 'app_port: 8000', the port of .*openenv\.yaml"),
        ("app_port: 8000\n", "", r"got 7860, which is meant where it is left out"),
        ("---\n", "", r"README\.md: expected a header, .* begin the file with the lines '---', 'title: dice_env'"),
        ("sdk: docker", "sdk: [", r"README\.md: its header is not YAML"),
    ],
)
def test_a_header_that_would_not_run_is_told_before_anything_is_asked(
    project: Path, writing: Hub, old: str, new: str, said: str
) -> None:
    readme = project / "README.md"
    readme.write_text(readme.read_text().replace(old, new))

    with pytest.raises(ConfigurationError, match=said):
        plan_upload(project)
    assert writing.requests == []


def test_a_dockerfile_under_server_goes_to_the_top(project: Path, writing: Hub) -> None:
    (project / "Dockerfile").rename(project / "server" / "Dockerfile")

    assert plan_upload(project).files["Dockerfile"] == project / "server" / "Dockerfile"
    (project / "server" / "Dockerfile").unlink()
    with pytest.raises(ConfigurationError, match="expected Dockerfile or server/Dockerfile there"):
        plan_upload(project)


def test_what_is_no_environment_or_no_space_is_told(project: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no environment in"):
        plan_upload(tmp_path)
    with pytest.raises(ConfigurationError, match="expected a Space to push to"):
        plan_upload(project, "me/dice@main")


def test_files_that_git_ignores_stay_here(project: Path) -> None:
    (project / "notes.txt").touch()
    (project / ".gitignore").write_text("notes.txt\n")
    assert "notes.txt" in project_files(project)

    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True, timeout=30)

    assert {"models.py", ".gitignore"} <= project_files(project).keys()
    assert "notes.txt" not in project_files(project)


def test_a_link_out_of_the_directory_is_told(project: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").touch()
    (project / "link.txt").symlink_to(tmp_path / "secret.txt")

    with pytest.raises(ConfigurationError, match=r"link\.txt is a link to .*secret\.txt, which is not of this"):
        project_files(project)


def test_a_space_is_duplicated_into_ones_own_name(writing: Hub) -> None:
    theirs = writing.add("openenv/echo-env", ECHO_FILES)

    copy = duplicate(SpaceName.parse("openenv/echo-env"), private=True)

    mine = writing.spaces["writer/echo-env"]
    assert (copy.repo_id, mine.is_private) == ("writer/echo-env", True)
    assert mine.repository.files() == theirs.repository.files()
    with pytest.raises(HubError, match="has that already"):
        duplicate(SpaceName.parse("openenv/echo-env"))


@pytest.mark.parametrize(
    ("name", "copy", "error", "said"),
    [
        ("openenv/none", None, SpaceNotFoundError, "has no Space"),
        ("openenv/echo-env@main", None, ConfigurationError, "copies a Space as it is now, not openenv/echo-env@main"),
        ("writer/mine", None, ConfigurationError, "writer/mine is yours already"),
        ("openenv/echo-env", "others/copy", HubError, "does not let the token in use write a copy"),
    ],
)
def test_what_cannot_be_duplicated_is_told(
    writing: Hub, name: str, copy: str | None, error: type[Exception], said: str
) -> None:
    writing.add("openenv/echo-env", {"README.md": ""})

    with pytest.raises(error, match=said):
        duplicate(SpaceName.parse(name), copy)


def test_the_source_is_copied_into_a_directory(hub: Hub, tmp_path: Path) -> None:
    space = hub.add("openenv/echo-env", ECHO_FILES)
    space.repository.tag("v1")

    copied = copy_source(SpaceName.parse("openenv/echo-env@v1"), tmp_path / "copy")

    assert copied.commit == space.repository.resolve("v1")
    assert (tmp_path / "copy" / "models.py").read_text() == ECHO_FILES["models.py"]
    assert not (tmp_path / "copy" / ".git").exists()
    with pytest.raises(ConfigurationError, match="copy is there already"):
        copy_source(SpaceName.parse("openenv/echo-env"), tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy")
