"""Play many episodes at once with asyncio: one client, and so one session, for each of them.

    pip install ./envs/chess_env
    python examples/async_rollouts.py --games 32 --at-once 16
    python examples/async_rollouts.py --url http://localhost:8000

Without an address it starts a server process on a free port, which ends with the script.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
from collections import Counter
from time import perf_counter

from chess_env import ChessAction, ChessEnv, ChessObservation
from openenv.core.containers.runtime import LocalProcessProvider


async def choose(observation: ChessObservation, dice: random.Random) -> str:
    """Return the agent's move: here any legal one, where a model would be awaited."""
    return dice.choice(observation.legal_moves)


async def play(base_url: str, seed: int, turn: asyncio.Semaphore, *, most_moves: int = 200) -> tuple[str, int]:
    """Play one game against the random opponent, and return its outcome and the number of the agent's moves."""
    dice = random.Random(seed)
    async with turn, ChessEnv(base_url=base_url) as env:
        result = await env.reset(seed=seed, opponent="random")
        for moves in range(most_moves):
            if result.done:
                return result.observation.outcome, moves
            result = await env.step(ChessAction(move=await choose(result.observation, dice)))
    return result.observation.outcome or "unfinished", most_moves


async def play_all(base_url: str, games: int, at_once: int) -> None:
    """Play games with seeds 0, 1, 2, …, and print what came of them."""
    started = perf_counter()
    turn = asyncio.Semaphore(at_once)
    played = await asyncio.gather(*(play(base_url, seed, turn) for seed in range(games)))
    seconds = perf_counter() - started
    moves = sum(count for _, count in played)
    print(", ".join(f"{outcome}: {count}" for outcome, count in sorted(Counter(each for each, _ in played).items())))
    print(f"{games} games, {moves} moves, {moves / seconds:,.0f} moves a second")


def main() -> None:
    """Play as the command line says."""
    parser = argparse.ArgumentParser(description="Play many games of chess at once.")
    parser.add_argument("--url", help="the address of a server; by default one is started")
    parser.add_argument("--games", type=int, default=32)
    parser.add_argument("--at-once", type=int, default=16, help="the most games, and sessions, at a time")
    told = parser.parse_args()
    with contextlib.ExitStack() as stack:
        url = told.url or stack.enter_context(LocalProcessProvider("chess_env")).base_url
        asyncio.run(play_all(url, told.games, told.at_once))


if __name__ == "__main__":
    main()
