"""The benchmarks by name, in the order of the table."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import (
    big_observation,
    env_pool,
    in_process,
    latency,
    memory,
    scale,
    server_cpu,
    sessions_opened,
    sixteen_thousand,
    start_up,
    steps_async,
    steps_sync,
)
from benchmarks.rounds import Settings
from benchmarks.statistics import Row

__all__ = ["ALL", "SCALE", "USUAL"]

SCALE = "scale"
"""The benchmark whose rows compare with something else than openenv 0.10.0."""

ALL: dict[str, Callable[[Settings], list[Row]]] = {
    "steps_sync": steps_sync.run,
    "steps_async": steps_async.run,
    "server_cpu": server_cpu.run,
    "latency": latency.run,
    "env_pool": env_pool.run,
    "in_process": in_process.run,
    "sessions_opened": sessions_opened.run,
    "big_observation": big_observation.run,
    "start_up": start_up.run,
    "memory": memory.run,
    "sixteen_thousand": sixteen_thousand.run,
    SCALE: scale.run,
}

USUAL = [name for name in ALL if name != "sixteen_thousand"]
"""Those that run unless others are asked for: without the one that takes thousands of threads."""
