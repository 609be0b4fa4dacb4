"""What a session's code is held to."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["MEANS", "Confines"]

# What `supervise` tells of, each of them with whether it holds.
MEANS = (
    "unprivileged_user",
    "namespaces",
    "own_devices",
    "read_only_files",
    "own_processes",
    "own_signals",
    "limited_disk",
    "hidden_tests",
    "limited_processes",
    "limited_memory",
    "no_new_privileges",
    "no_network",
)


@dataclass(frozen=True)
class Confines:
    """The limits and places of a session.

    Attributes:
        directory: The session's own directory, which is there already.
        hidden: A directory of the environment that the code is not to see, such as the answers of its tasks.
        cpu_s: Seconds of processor time of a process.
        memory_bytes: Address space of a process.
        file_bytes: Size of a file.
        disk_bytes: Size of the session's directory, where namespaces allow.
        processes: Processes and threads at a time. Where its user is that of others too, in whichever container, it may
            have as many more as these leave of room for them.
        open_files: Open files of a process.
        readable: Files that the code's user has to be able to read.
        groups: The file by which processes join a control group, by the means that it is.
        overlays: Directories below the session's own, by where they are seen too in namespaces.
        has_terminals: Whether there are terminals among its devices.
        namespaces: Whether it gets namespaces of its own where the kernel allows that.
        landlock: Whether Landlock holds it where namespaces do not.
    """

    directory: str
    hidden: str
    cpu_s: int
    memory_bytes: int
    file_bytes: int
    disk_bytes: int
    processes: int
    open_files: int
    readable: list[str] = field(default_factory=list)
    groups: dict[str, str] = field(default_factory=dict)
    overlays: dict[str, str] = field(default_factory=dict)
    has_terminals: bool = False
    namespaces: bool = True
    landlock: bool = True
