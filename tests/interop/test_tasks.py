"""Tasks and rubrics: asked of servers of both packages by hand and by our clients, and scored alike."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from openenv.core import GenericEnvClient
from openenv.core.exceptions import TaskNotFoundError

from .conftest import Urls
from .programs.quiz import SPLITS

pytestmark = pytest.mark.timeout(300)

TASKS = [{"question": question} for question in SPLITS["train"]]


@pytest.fixture(params=["peer", "ours"])
def url(request: pytest.FixtureRequest, servers: dict[str, Urls]) -> str:
    return servers[request.param]["quiz"]


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("/splits", None, [{"name": "train", "type": "train"}, {"name": "test", "type": "test"}]),
        ("/tasks", {"split": "train"}, {"tasks": TASKS, "env_name": "quiz"}),
        ("/num_tasks", {"split": "train"}, {"num_tasks": 4}),
        ("/task", {"split": "train", "index": 2}, {"task": TASKS[2]}),
        ("/task_range", {"split": "train", "start": 1, "stop": 3}, {"tasks": TASKS[1:3]}),
        ("/task_range", {"split": "train", "start": -1}, {"tasks": TASKS[-1:]}),
        ("/task_range", {"split": "train"}, {"tasks": TASKS}),
    ],
)
def test_the_routes_for_tasks(url: str, path: str, body: Any, told: Any) -> None:
    answer = httpx.request("GET" if body is None else "POST", f"{url}/quiz{path}", json=body, trust_env=False)

    assert (answer.status_code, answer.json()) == (200, told)


def test_our_clients_see_the_tasks_of_both(url: str) -> None:
    with GenericEnvClient(base_url=url).sync() as env:
        tasks = env.tasks("train")
        assert env.splits() == ["train", "test"]
        assert (len(tasks), tasks[1], tasks[-1], tasks[1:3], list(tasks)) == (4, TASKS[1], TASKS[3], TASKS[1:3], TASKS)
        with pytest.raises(TaskNotFoundError):
            tasks[4]


def test_and_so_they_do_asynchronously(url: str) -> None:
    async def look() -> list[Any]:
        async with GenericEnvClient(base_url=url) as env:
            assert await env.tasks("test")[0] == {"question": "7*6"}
            return [task async for task in env.tasks("train")]

    assert asyncio.run(look()) == TASKS


def test_an_older_server_without_tasks(peer: Urls) -> None:
    with (
        GenericEnvClient(base_url=peer["counter"]).sync() as env,
        pytest.raises(TaskNotFoundError, match="not supported"),
    ):
        env.splits()


def test_an_episode_of_a_task_is_scored_alike(url: str) -> None:
    with GenericEnvClient(base_url=url).sync() as env:
        assert env.reset(split="test", index=0).observation["question"] == "7*6"
        right, wordy, wrong = (env.step({"text": text}) for text in ("42", "forty-two", "41"))
        assert (right.reward, wordy.reward, wrong.reward) == (1.0, 0.0, 0.25)
        assert right.observation["scores"] == {
            "correct": 1.0,
            "correct.rubric_0": 1.0,
            "correct.rubric_1": 1.0,
            "style": 1.0,
            "style.rubric": 1.0,
            "total": 1.0,
            "total.rubric_0": 1.0,
            "total.rubric_0.rubric_0": 1.0,
            "total.rubric_0.rubric_1": 1.0,
            "total.rubric_1": 1.0,
            "total.rubric_1.rubric": 1.0,
        }
