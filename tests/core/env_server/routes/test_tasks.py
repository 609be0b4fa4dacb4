from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from openenv.core.env_server.settings import ServerSettings
from openenv.testing import serve
from tests.core.quiz import Countable, Quiz
from tests.core.worlds import Counter


@pytest.fixture(scope="module")
def web() -> Iterator[httpx.Client]:
    with serve(Quiz, env_name="quiz") as server, httpx.Client(base_url=server.base_url) as web:
        yield web


def texts(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200
    return [task["text"] for task in answer.json()["tasks"]]


def test_splits(web: httpx.Client) -> None:
    assert web.get("/tasks").json() == {
        "splits": [
            {"name": "train", "type": "train"},
            {"name": "en/test", "type": "validation"},
            {"name": "none", "type": "validation"},
        ]
    }


def test_a_task_and_how_many_there_are(web: httpx.Client) -> None:
    assert web.get("/tasks/train/num_tasks").json() == {"split": "train", "num_tasks": 250}
    assert web.get("/tasks/none/num_tasks").json()["num_tasks"] == 0
    told = web.get("/tasks/en/test/2").json()
    assert told == {"split": "en/test", "index": 2, "task": {"text": "t2", "split": "en/test"}}


def test_tasks_come_in_pages(web: httpx.Client) -> None:
    first = web.get("/tasks/train")
    assert (texts(first)[::99], first.json()["next"], first.json()["num_tasks"]) == (["q0", "q99"], 100, 250)
    second = web.get("/tasks/train", params={"start": 100, "stop": 102})
    assert (texts(second), second.json()["start"], second.json()["next"]) == (["q100", "q101"], 100, 102)
    last = web.get("/tasks/train", params={"start": 200, "stop": 9999})
    assert (len(texts(last)), last.json()["next"]) == (50, None)
    for params in ({"start": 250}, {"start": 5, "stop": 2}, {"start": 300, "stop": 400}):
        assert texts(web.get("/tasks/train", params=params)) == []
    assert texts(web.get("/tasks/en/test")) == ["t0", "t1", "t2"]


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/tasks/dev", 404, "no split 'dev' in Quiz: its splits are 'train', 'en/test', 'none'"),
        ("/tasks/two%0Alines", 404, "no split 'two\\nlines' in Quiz"),
        ("/tasks/dev/0", 404, "no split 'dev' in Quiz"),
        ("/tasks/dev/num_tasks", 404, "no split 'dev' in Quiz"),
        ("/tasks/train/250", 404, "no task 250 in the split 'train' of Quiz, whose indices are 0 to 249"),
        ("/tasks/train?start=-1", 422, "expected a whole number >= 0 as start, got '-1'"),
        ("/tasks/train?stop=", 422, "expected a whole number >= 0 as stop, got ''"),
        ("/tasks/train?stop=" + "9" * 30, 422, "expected a whole number >= 0 as stop, got '9999"),
        ("/tasks/train?limit=5", 422, "a page of tasks takes start and stop, got limit too"),
    ],
)
def test_what_is_not_there_is_told(web: httpx.Client, path: str, status: int, told: str) -> None:
    answer = web.get(path)

    assert answer.status_code == status
    assert told in answer.json()["detail"]["message"]


def test_the_routes_of_older_servers(web: httpx.Client) -> None:
    assert web.get("/quiz/splits").json()[0] == {"name": "train", "type": "train"}
    asked = {"split": "en/test"}
    tasks = [{"text": f"t{n}", "split": "en/test"} for n in range(3)]
    assert web.post("/quiz/tasks", json=asked).json() == {"tasks": tasks, "env_name": "quiz"}
    assert web.post("/quiz/num_tasks", json=asked).json() == {"num_tasks": 3}
    assert web.post("/quiz/task", json={**asked, "index": 1}).json() == {"task": tasks[1]}
    assert web.post("/quiz/task_range", json={**asked, "start": 1}).json() == {"tasks": tasks[1:]}
    assert web.post("/quiz/task_range", json={**asked, "stop": -1}).json() == {"tasks": tasks[:2]}


@pytest.mark.parametrize(
    ("name", "body", "status", "told"),
    [
        ("tasks", {}, 422, "split: Field required"),
        ("task", {"split": "train", "index": "first"}, 422, "index: Input should be a valid integer"),
        ("task", {"split": "train", "index": 250}, 404, "no task 250"),
        ("num_tasks", {"split": "dev"}, 404, "no split 'dev'"),
        ("task_range", {"split": "train", "step": 2}, 422, "step: Extra inputs are not permitted"),
    ],
)
def test_what_they_refuse(web: httpx.Client, name: str, body: dict[str, Any], status: int, told: str) -> None:
    answer = web.post(f"/quiz/{name}", json=body)

    assert answer.status_code == status
    assert told in answer.json()["detail"]["message"]


def test_asking_takes_no_session_and_makes_one_instance(web: httpx.Client) -> None:
    with serve(Quiz, max_concurrent_envs=1) as server, httpx.Client(base_url=server.base_url) as full:
        before = len(Quiz.made)
        assert full.post("/reset", json={"split": "train", "index": 3}).json()["observation"]["text"] == "q3"
        for n in range(3):
            assert full.get(f"/tasks/train/{n}").status_code == 200
        assert full.get("/sessions").json()["active_sessions"] == 1
        assert len(Quiz.made) == before + 2
    assert len(Quiz.made) == before


def test_an_environment_without_tasks_and_one_that_fails() -> None:
    with serve(Counter) as server, httpx.Client(base_url=server.base_url) as web:
        for answer in (web.get("/tasks"), web.get("/tasks/train/0"), web.post("/Counter/tasks", json={"split": "a"})):
            assert answer.status_code == 404
            assert "Counter has no tasks: an environment with tasks defines" in answer.json()["detail"]["message"]

    class Failing(Countable):
        def get_task(self, split: str, index: int) -> Any:
            raise OSError("no disk")

    with serve(Failing) as server, httpx.Client(base_url=server.base_url) as web:
        answer = web.get("/tasks/dev/0")
        assert answer.status_code == 500
        detail = answer.json()["detail"]
        assert (detail["message"], detail["remote_type"], "in get_task" in detail["traceback"]) == (
            "no disk",
            "OSError",
            True,
        )


def test_tasks_are_described(web: httpx.Client) -> None:
    paths = web.get("/openapi.json").json()["paths"]

    parameters = {each["name"]: each["schema"]["type"] for each in paths["/tasks/{split}"]["get"]["parameters"]}
    assert parameters == {"split": "string", "start": "integer", "stop": "integer"}
    assert {
        "/tasks",
        "/tasks/{split}/num_tasks",
        "/tasks/{split}/{index}",
        "/quiz/splits",
        "/quiz/task",
    } <= paths.keys()


def test_production_tells_of_tasks_and_the_token_is_wanted_for_them() -> None:
    settings = ServerSettings(auth_tokens=("t" * 16,))
    with (
        serve(Quiz, mode="production", settings=settings) as server,
        httpx.Client(base_url=server.base_url) as web,
    ):
        assert web.get("/tasks").status_code == 401
        assert web.get("/tasks", headers={"Authorization": f"Bearer {'t' * 16}"}).status_code == 200
