"""Collect rollouts from a pool: many sessions over one connection, none of which waits for the slowest.

    pip install ./envs/chess_env numpy
    python examples/pool_rollouts.py --sessions 32 --steps 5000
    python examples/pool_rollouts.py --url http://localhost:8000

Without an address the environments run inside this process.
"""

from __future__ import annotations

import argparse
import random
from time import perf_counter

import numpy as np

from chess_env import ChessAction, ChessEnv, ChessObservation, ChessState
from chess_env.server.chess_environment import ChessEnvironment
from openenv import SyncEnvPool

Pool = SyncEnvPool[ChessAction, ChessObservation, ChessState]


def choose(observation: ChessObservation, dice: random.Random) -> ChessAction:
    """Return the agent's move: here any legal one."""
    return ChessAction(move=dice.choice(observation.legal_moves))


def collect(pool: Pool, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Make as many steps as were asked for, each session at its own pace, and return all rewards and dones.

    With `autoreset="same"` the step that ends a game already has the first position of the next one.
    """
    dice = random.Random(0)
    rewards, dones = np.zeros(steps), np.zeros(steps, dtype=bool)
    shown = [result.observation for result in pool.reset(seeds=0, opponent="random")]
    pool.send([choose(observation, dice) for observation in shown])

    collected, sent = 0, len(pool)
    while collected < steps:
        indices, answers = pool.recv(min_ready=1, stack=True)
        kept = slice(collected, collected + len(indices))
        taken = len(rewards[kept])
        rewards[kept], dones[kept] = answers.rewards[:taken], answers.dones[:taken]
        collected += taken

        still_wanted = min(len(indices), steps - sent)
        if still_wanted > 0:
            actions = [choose(observation, dice) for observation in answers.observations[:still_wanted]]
            pool.send(actions, indices=indices[:still_wanted])
            sent += still_wanted
    return rewards, dones


def main() -> None:
    """Collect as the command line says."""
    parser = argparse.ArgumentParser(description="Collect steps of games of chess.")
    parser.add_argument("--url", help="the address of a server; by default the environments run in this process")
    parser.add_argument("--sessions", type=int, default=32)
    parser.add_argument("--steps", type=int, default=5000)
    told = parser.parse_args()
    where = {"base_url": told.url} if told.url else {"environment": ChessEnvironment}
    started = perf_counter()
    with ChessEnv.pool(told.sessions, autoreset="same", **where).sync() as pool:
        rewards, dones = collect(pool, told.steps)
    seconds = perf_counter() - started
    ends = rewards[dones]
    print(f"{len(rewards)} steps, {len(ends)} games ended: {(ends > 0).sum()} won, {(ends < 0).sum()} lost")
    print(f"{len(rewards) / seconds:,.0f} steps a second")


if __name__ == "__main__":
    main()
