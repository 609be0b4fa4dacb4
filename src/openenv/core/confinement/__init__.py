"""Means of the kernel that keep code of strangers to itself: limits, namespaces, Landlock, seccomp and control groups.

Environments that run code start it by a `ConfinedProcess`; a worker of theirs, which imports nothing else, calls
`supervise`.
"""

from __future__ import annotations

__all__: list[str] = []
