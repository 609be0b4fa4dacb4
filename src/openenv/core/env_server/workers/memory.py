"""How much memory a worker process may take."""

from __future__ import annotations

import resource

__all__ = ["limit_memory"]

_MIB = 2**20


def limit_memory(limit_mb: float) -> None:
    """Limit the memory that this process may take from now on.

    Args:
        limit_mb: The limit in MiB, on what the process itself writes to: the code and the files that it maps are not
            counted.
    """
    limit = int(limit_mb * _MIB)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))
