"""How much a session's code may take."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """What a session is held to.

    Attributes:
        step_s: Seconds of wall clock that a step may take.
        cpu_s: Seconds of processor time that a process may take in all.
        memory_bytes: Address space of a process.
        session_memory_bytes: Memory of all processes of a session together, with the files in its directory, where
            the server may make control groups.
        file_bytes: Size of a file.
        disk_bytes: Size of the session's directory, where namespaces allow.
        processes: Processes and threads at a time, where the kernel can count the session's alone.
        open_files: Open files of a process.
        output_bytes: What is kept of standard output, and of standard error, in a step.
        discarded_bytes: Output beyond that, after which the session is ended.
    """

    step_s: float = 10.0
    cpu_s: int = 600
    memory_bytes: int = 1 << 30
    session_memory_bytes: int = 1 << 30
    file_bytes: int = 64 << 20
    disk_bytes: int = 256 << 20
    processes: int = 64
    open_files: int = 256
    output_bytes: int = 1_000_000
    discarded_bytes: int = 64 << 20
