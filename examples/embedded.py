"""Use an environment inside this process: no server, no network, the same code as with either.

pip install ./envs/sql_env
python examples/embedded.py
"""

from __future__ import annotations

from sql_env import SqlAction, SqlEnv
from sql_env.server.sql_environment import SqlEnvironment

QUERIES = {
    "How many stations of the coast have more than four platforms?": (
        "SELECT count(*) FROM stations WHERE region = 'coast' AND platforms > 4"
    ),
}


def main() -> None:
    """Look around in a database, then answer its first questions, where a query for them is known."""
    with SqlEnv.from_environment(SqlEnvironment).sync() as env:
        tasks = env.tasks("test")
        print(f"splits {env.splits()}, {len(tasks)} questions in test")

        for index in range(len(tasks)):
            result = env.reset(split="test", index=index)
            question = result.observation.question
            query = QUERIES.get(question, "SELECT 'no idea'")
            result = env.step(SqlAction(sql=query, submit=True))
            print(f"reward {result.reward:.0f}  {question}")

        # A query that fails is told in the observation, and the episode goes on.
        env.reset(split="test", index=0)
        result = env.step(SqlAction(sql="SELECT * FROM planets"))
        print(f"error: {result.observation.error}; {result.observation.queries_left} queries left")


if __name__ == "__main__":
    main()
