"""Train a language model to answer questions over databases, by TRL's GRPOTrainer.

    pip install ./envs/sql_env trl datasets
    openenv serve sql_env
    python examples/trl_grpo.py --url http://localhost:8000

It takes a GPU and a model from the Hub. The server needs a session for each generation that is under way at once.
"""

import argparse
import json
from typing import Any

from openenv import StepResult
from sql_env import SqlAction, SqlEnv, SqlObservation

PROMPT = "Answer the question by SQL. Look around with `query`, then hand in the query that answers it with `submit`."


class SqlTools:
    """What the trainer gives a model: every public method but `reset` is a tool.

    Attributes:
        reward: What the episode has come to.
    """

    url = "http://localhost:8000"

    def __init__(self) -> None:
        self._env = SqlEnv(base_url=self.url).sync()
        self._is_over = True
        self.reward = 0.0

    def reset(self, *, split: str, index: int, **columns: Any) -> str:
        """Begin an episode; the trainer gives it the columns of a row, and adds what it returns to the prompt."""
        self._is_over, self.reward = False, 0.0
        observation = self._env.reset(split=split, index=index).observation
        return f"{observation.tables}\n\n{observation.question}"

    def query(self, sql: str) -> str:
        """Run a query, to look around in the database.

        Args:
            sql: One SELECT statement of SQLite.

        Returns:
            The columns and rows that it found, or why it failed.
        """
        return _told(self._step(SqlAction(sql=sql)).observation)

    def submit(self, sql: str) -> str:
        """Hand in the query that answers the question. This ends the episode.

        Args:
            sql: One SELECT statement of SQLite, whose result is the answer.

        Returns:
            Whether the answer is right.
        """
        observation = self._step(SqlAction(sql=sql, submit=True)).observation
        return "Right." if observation.is_correct else "Wrong."

    def _step(self, action: SqlAction) -> StepResult[SqlObservation]:
        if self._is_over:
            raise ValueError("The episode is over.")  # the trainer tells the model what a tool raises
        result = self._env.step(action)
        self._is_over, self.reward = result.done, result.reward or 0.0
        return result


def _told(observation: SqlObservation) -> str:
    if observation.error:
        return f"{observation.error} ({observation.queries_left} queries left)"
    lines = [observation.columns, *observation.rows]
    return "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)


def reward(environments: list[SqlTools], **columns: Any) -> list[float]:
    """Return what each episode came to."""
    return [environment.reward for environment in environments]


def rows(url: str, split: str, repeats: int) -> dict[str, list[Any]]:
    """Return a split's tasks as the columns of a dataset; all generations of a row play the same task."""
    with SqlEnv(base_url=url).sync() as env:
        indices = list(range(len(env.tasks(split)))) * repeats
    return {
        "prompt": [[{"role": "user", "content": PROMPT}] for _ in indices],
        "split": [split] * len(indices),
        "index": indices,
    }


def main() -> None:
    """Train as the command line says."""
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    parser = argparse.ArgumentParser(description="Train a language model to answer questions over databases.")
    parser.add_argument("--url", default=SqlTools.url)
    parser.add_argument("--model", default="Qwen/Qwen3-1.7B")
    parser.add_argument("--repeats", type=int, default=50, help="how often each task stands in the dataset")
    told = parser.parse_args()
    SqlTools.url = told.url
    trainer = GRPOTrainer(
        model=told.model,
        reward_funcs=reward,
        train_dataset=Dataset.from_dict(rows(told.url, "train", told.repeats)),
        args=GRPOConfig(
            output_dir="sql-grpo",
            num_generations=8,
            max_completion_length=2048,  # of the whole conversation, what the tools answer included
            scale_rewards="none",
            chat_template_kwargs={"enable_thinking": False},
            log_completions=True,
        ),
        environment_factory=SqlTools,
    )
    trainer.train()


if __name__ == "__main__":
    main()
