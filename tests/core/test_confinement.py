"""What holds code of strangers, apart from the environments that run it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from openenv.core.confinement import cgroup
from openenv.core.confinement.cgroup import ControlGroup
from openenv.core.confinement.removal import remove_tree

_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has it")
_CONFINED = """
import sys
from openenv.core.confinement import kernel, landlock
kernel.forbid_privileges()
try:
    landlock.confine([sys.argv[1]], [sys.argv[2]])
except OSError:
    print("no landlock")
    sys.exit()
for path, mode in zip(sys.argv[3::2], sys.argv[4::2]):
    try:
        open(path, mode).close()
        print("yes", end=" ")
    except PermissionError:
        print("no", end=" ")
"""

_STARTING_WITHOUT_DESCRIPTORS = """
import os, resource, subprocess, sys
from pathlib import Path
from openenv.core.confinement.confines import Confines
from openenv.core.confinement.process import ConfinedProcess

package, directory = Path(sys.argv[1]), sys.argv[2]
limits = dict(cpu_s=5, memory_bytes=2**30, file_bytes=2**20, disk_bytes=2**20, processes=8, open_files=64)
confines = Confines(directory=directory + "/session-", hidden=directory, **limits)
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
first = os.open(os.devnull, os.O_RDONLY)
failed = 0
for spare in range(40):
    resource.setrlimit(resource.RLIMIT_NOFILE, (first + 1 + spare, most))
    try:
        started = ConfinedProcess(package, {}, confines, 2**30, subprocess.PIPE)
    except OSError:
        failed += 1
        resource.setrlimit(resource.RLIMIT_NOFILE, (first + 20, most))
        after = os.open(os.devnull, os.O_RDONLY)
        assert after == first + 1, f"{after - first - 1} descriptors were left open"
        os.close(after)
        assert os.listdir(directory) == [], os.listdir(directory)
    else:
        started.close()
        break
print(failed)
"""


def test_a_tree_is_removed_whatever_its_modes(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    (tmp_path / "kept").mkdir(mode=0o500)
    (tree / "link").symlink_to(tmp_path / "kept")
    (tree / "a" / "b").chmod(0)
    (tree / "a").chmod(0)
    remove_tree(str(tree))

    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o500
    remove_tree(str(tree))


@_LINUX
def test_landlock_leaves_some_places_writable_and_hides_others(tmp_path: Path) -> None:
    for path in ("hidden/secret", "beside/file", "own/file"):
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).touch()
    asked = [
        *("hidden/secret", "r", "hidden/secret", "w", "beside/file", "r", "beside/file", "w"),
        *("own/file", "r", "own/file", "w", "own/new", "w", "new", "w"),
    ]
    arguments = [str(tmp_path / text) if number % 2 == 0 else text for number, text in enumerate(asked)]
    command = [sys.executable, "-c", _CONFINED, str(tmp_path / "hidden"), str(tmp_path / "own"), *arguments]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=110).stdout.strip()
    if printed == "no landlock":
        pytest.skip("this kernel has no Landlock")

    assert printed == "no no yes no yes yes yes no"


@_LINUX
def test_a_control_group_goes_and_so_do_those_that_servers_left() -> None:
    first = ControlGroup(1 << 28, 10)
    if not first.files:
        pytest.skip("no control groups can be made here")
    assert "limited_memory" in first.files
    folders = [Path(file).parent for file in first.files.values()]
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = [folder.with_name(f"openenv-{ended.pid}-0") for folder in folders]
    for folder in {*left}:
        folder.mkdir()
    ControlGroup(1 << 28, 10).close()

    assert not any(folder.exists() for folder in left)
    assert all(folder.exists() for folder in folders)
    first.close()
    assert not any(folder.exists() for folder in folders)
    assert f"openenv-{os.getpid()}" not in Path("/proc/self/cgroup").read_text()


@pytest.mark.parametrize("hands_down", ["server", "."])
def test_a_group_is_made_where_controllers_are_handed_down(
    hands_down: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine has one version of control groups, and this is about files of the other."""
    tree = tmp_path / "tree"
    (tree / "server").mkdir(parents=True)
    (tree / hands_down / "cgroup.subtree_control").write_text("cpu memory pids\n")
    (tmp_path / "own").write_text("0::/server\n")
    (tmp_path / "mounts").write_text(f"30 25 0:26 / {tree} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n")
    monkeypatch.setattr(cgroup, "_OWN", tmp_path / "own")
    monkeypatch.setattr(cgroup, "_MOUNTS", tmp_path / "mounts")
    group = ControlGroup(1 << 20, 10)
    [folder] = {Path(file).parent for file in group.files.values()}

    assert folder.parent == tree / hands_down
    assert set(group.files) == {"limited_memory", "limited_processes"}
    written = {name: (folder / name).read_text() for name in ("memory.max", "memory.swap.max", "pids.max")}
    assert written == {"memory.max": "1048576", "memory.swap.max": "0", "pids.max": "10"}


def test_without_control_groups_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own").write_text("0::/server\n")
    monkeypatch.setattr(cgroup, "_OWN", tmp_path / "own")
    monkeypatch.setattr(cgroup, "_MOUNTS", tmp_path / "missing")
    group = ControlGroup(1 << 20, 10)
    group.close()

    assert group.files == {}


def test_a_process_that_cannot_be_started_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "sessions").mkdir()
    (tmp_path / "worker").mkdir()
    command = [sys.executable, "-c", _STARTING_WITHOUT_DESCRIPTORS, str(tmp_path), str(tmp_path / "sessions")]
    failed = int(subprocess.run(command, check=True, capture_output=True, text=True, timeout=110).stdout)

    assert failed > 4
