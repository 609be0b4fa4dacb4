"""What a session may use."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """What a session is held to.

    Attributes:
        steps: Steps of an episode with a task.
        wait_s: Seconds that a step may wait.
        check_s: Seconds that each check of a task may take.
        cpu_s: Seconds of processor time that a process may take in all.
        memory_bytes: Address space of a process.
        session_memory_bytes: Memory of all processes of a session together, with the files in its directory, where the
            server may make control groups.
        file_bytes: Size of a file.
        disk_bytes: Size of the session's directory, where namespaces allow.
        processes: Processes and threads at a time, where the kernel can count the session's alone.
        open_files: Open files of a process.
        output_bytes: What is told of the output of a step, the half of it from the beginning and the half from the end.
        discarded_bytes: Output beyond that, after which a step waits no longer.
    """

    steps: int = 100
    wait_s: float = 60.0
    check_s: float = 10.0
    cpu_s: int = 600
    memory_bytes: int = 2 << 30
    session_memory_bytes: int = 1 << 30
    file_bytes: int = 64 << 20
    disk_bytes: int = 256 << 20
    processes: int = 128
    open_files: int = 256
    output_bytes: int = 32_000
    discarded_bytes: int = 16 << 20
