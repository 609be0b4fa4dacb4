"""The tasks of an environment, as its clients see them: in this process, and at a server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException, Request

from openenv.core.env_client import EnvClient
from openenv.core.env_pool import EnvPool
from openenv.core.env_server.settings import ServerSettings
from openenv.core.env_server.types import State
from openenv.core.exceptions import (
    AuthenticationError,
    ClientClosedError,
    ConfigurationError,
    ConnectError,
    EnvironmentExecutionError,
    InvalidRequestError,
    PoolError,
    ProtocolError,
    TaskNotFoundError,
)
from openenv.core.generic_client import GenericEnvClient
from openenv.testing import serve
from tests.core.driving import Drive, Driver, both_kinds
from tests.core.plain_servers import listening, saying
from tests.core.quiz import QUESTIONS, Answer, ByClass, Countable, Question, Quiz
from tests.core.worlds import Counter

Client = Callable[[], EnvClient[Any, Any, Any]]


class QuizClient(EnvClient[Answer, Question, State]):
    pass


@pytest.fixture(scope="module")
def quiz_url() -> Iterator[str]:
    with serve(Quiz) as server:
        yield server.base_url


@pytest.fixture(params=["server", "in process"])
def client(request: pytest.FixtureRequest) -> Client:
    if request.param == "server":
        url = request.getfixturevalue("quiz_url")
        return lambda: QuizClient(base_url=url.replace("http://", "ws://"))
    return lambda: QuizClient.from_environment(Quiz)


def _client_of(env: Driver) -> EnvClient[Any, Any, Any]:
    client: Any = env._client
    return getattr(client, "async_client", client)  # type: ignore[no-any-return]


def tasks_of(env: Driver, split: str) -> Any:
    client: Any = env._client
    return client.tasks(split)


def text(task: Any) -> Any:
    return task["text"]


@both_kinds
def test_tasks_are_looked_at_without_a_session(drive: Drive, client: Client) -> None:
    with drive(client()) as env:
        assert env.call("splits") == list(QUESTIONS)
        tasks = tasks_of(env, "train")
        assert text(env.outcome(tasks[0])) == "q0"
        assert text(env.outcome(tasks[-1])) == "q249"
        assert list(map(text, env.outcome(tasks[247:]))) == ["q247", "q248", "q249"]
        assert list(map(text, env.outcome(tasks[4:0:-2]))) == ["q4", "q2"]
        assert env.outcome(tasks[9:3]) == []
        # More than one page of any kind.
        assert list(map(text, env.outcome(tasks[::249]))) == ["q0", "q249"]
        with pytest.raises(TaskNotFoundError, match="no task 250 in the split 'train' of Quiz"):
            env.outcome(tasks[250])
        with pytest.raises(TaskNotFoundError, match="no task -251 in the split 'train', which has 250"):
            env.outcome(tasks[-251])
        with pytest.raises(
            InvalidRequestError, match="expected a number or a slice as the index of a task, got 'first'"
        ):
            env.outcome(tasks["first"])
        with pytest.raises(TaskNotFoundError, match="no split 'dev' in Quiz"):
            env.outcome(tasks_of(env, "dev")[0])
        assert _client_of(env)._transport is None
        assert env.reset(split="en/test", index=2).observation.text == "t2"


def test_a_sync_view_is_a_sequence(client: Client) -> None:
    with client().sync() as env:
        tasks = env.tasks("en/test")
        assert isinstance(tasks, Sequence)
        assert repr(tasks) == "SyncTaskView('en/test')"
        assert (len(tasks), tasks.split, repr(tasks)) == (3, "en/test", "SyncTaskView('en/test', 3 tasks)")
        assert list(map(text, tasks)) == list(map(text, reversed(tasks)))[::-1] == ["t0", "t1", "t2"]
        assert (tasks[1] in tasks, tasks.index(tasks[1]), list(env.tasks("none"))) == (True, 1, [])
        assert list(map(text, env.tasks("train"))) == QUESTIONS["train"]


def test_an_asynchronous_view_is_awaited(client: Client) -> None:
    async def look() -> None:
        async with client() as env:
            tasks = env.tasks("train")
            assert [text(task) async for task in tasks] == QUESTIONS["train"]
            assert await tasks.size() == 250
            assert repr(tasks) == "TaskView('train', 250 tasks)"
            together = await asyncio.gather(*(tasks[n] for n in range(8)))
            assert list(map(text, together)) == QUESTIONS["train"][:8]

    asyncio.run(look())


@both_kinds
@pytest.mark.parametrize("where", ["server", "in process"])
def test_every_session_of_a_pool_is_given_a_task_of_its_own(drive: Drive, where: str, quiz_url: str) -> None:
    pool: EnvPool[Any, Any, Any] = (
        QuizClient.pool(3, base_url=quiz_url) if where == "server" else QuizClient.pool(3, environment=Quiz)
    )
    with drive(pool) as env:
        assert env.call("splits") == list(QUESTIONS)
        tasks = env._client.tasks("en/test")
        count = len(env.outcome(tasks[:]))
        results = env.reset(each=[{"split": "en/test", "index": index} for index in range(count)])
        assert [result.observation.text for result in results] == ["t0", "t1", "t2"]
        with pytest.raises(PoolError) as caught:
            env.reset(each=[{"split": "en/test", "index": index} for index in (0, 3, 1)])
        assert {index: type(error) for index, error in caught.value.errors.items()} == {1: TaskNotFoundError}


@both_kinds
def test_a_class_that_knows_its_tasks_makes_nothing(drive: Drive) -> None:
    with drive(GenericEnvClient.from_environment(ByClass)) as env:
        assert env.outcome(tasks_of(env, "train")[3]) == "q3"


@both_kinds
def test_what_an_environment_in_this_process_made_for_its_tasks_is_closed(drive: Drive) -> None:
    with drive(GenericEnvClient.from_environment(Quiz)) as env:
        before = len(Quiz.made)
        env.call("splits")
        assert len(Quiz.made) == before + 1
    assert len(Quiz.made) == before


@both_kinds
def test_errors_are_those_of_the_environment(drive: Drive) -> None:
    class Failing(Countable):
        def num_tasks(self, split: str) -> Any:
            raise OSError("no disk")

    with serve(Failing) as server:
        for client in (GenericEnvClient(base_url=server.base_url), GenericEnvClient.from_environment(Failing)):
            with drive(client) as env, pytest.raises(EnvironmentExecutionError, match="OSError: no disk"):
                env.outcome(tasks_of(env, "dev")[-1])
    with (
        drive(GenericEnvClient.from_environment(Counter)) as env,
        pytest.raises(TaskNotFoundError, match="Counter has no tasks"),
    ):
        env.call("splits")


def test_tasks_in_a_process_of_their_own() -> None:
    settings = ServerSettings(isolation="process")
    with serve(Quiz, settings=settings) as server, QuizClient(base_url=server.base_url).sync() as env:
        assert env.splits() == list(QUESTIONS)
        assert text(env.tasks("train")[-1]) == "q249"
        assert env.reset(split="train", index=5).observation.text == "q5"
        with pytest.raises(TaskNotFoundError, match="no split 'dev'"):
            env.reset(split="dev", index=5)


def test_a_server_that_is_not_there_or_wants_a_token() -> None:
    with pytest.raises(ConnectError, match="no server could be reached"):
        GenericEnvClient(base_url="http://127.0.0.1:9").sync().splits()
    with serve(Quiz, settings=ServerSettings(auth_tokens=("t" * 16,))) as server:
        with pytest.raises(AuthenticationError, match="pass auth_token"):
            GenericEnvClient(base_url=server.base_url).sync().splits()
        assert GenericEnvClient(base_url=server.base_url, auth_token="t" * 16).sync().splits() == list(QUESTIONS)


def older_server() -> FastAPI:
    """Return a server with the routes for tasks that those of OpenEnv 0.10 have."""
    app = FastAPI()
    tasks = [{"text": f"q{n}"} for n in range(3)]

    @app.get("/list_environments")
    def names() -> list[str]:
        return ["old quiz"]

    @app.get("/old quiz/splits")
    def splits() -> list[dict[str, str]]:
        return [{"name": "train", "type": "train"}]

    @app.post("/old quiz/{question}")
    async def ask(question: str, request: Request) -> Any:
        asked = await request.json()
        if asked["split"] != "train":
            raise HTTPException(501, "no such split")
        if question == "num_tasks":
            return {"num_tasks": len(tasks)}
        if question == "task_range":
            return {"tasks": tasks[asked["start"] : asked["stop"]]}
        if asked["index"] >= len(tasks):
            raise HTTPException(400, "Invalid task index")
        return {"task": tasks[asked["index"]]}

    return app


@both_kinds
def test_servers_before_0_11_are_asked_by_the_routes_that_they_have(drive: Drive) -> None:
    with serve(older_server()) as server, drive(GenericEnvClient(base_url=server.base_url)) as env:
        assert env.call("splits") == ["train"]
        assert env.call("splits") == ["train"]
        tasks = tasks_of(env, "train")
        assert [text(env.outcome(tasks[0])), text(env.outcome(tasks[-1]))] == ["q0", "q2"]
        assert list(map(text, env.outcome(tasks[1:]))) == ["q1", "q2"]
        with pytest.raises(TaskNotFoundError, match="has no such tasks: 'Invalid task index'"):
            env.outcome(tasks[3])
        with pytest.raises(TaskNotFoundError, match="has no such tasks: 'no such split'"):
            env.outcome(tasks_of(env, "test")[0])


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        ("HTTP/1.1 200 OK\n\n<html>", ProtocolError, "something other than JSON: is it an OpenEnv server"),
        ("HTTP/1.1 500 No\n\n{}", ProtocolError, "is answered by HTTP status 500"),
        ("HTTP/1.1 404 No\n\n<html>", TaskNotFoundError, "has no such tasks"),
        ("HTTP/1.1 200 OK\n\n[]", ProtocolError, "expected splits from"),
    ],
)
def test_what_is_no_server_of_tasks(answer: str, error: type[Exception], told: str) -> None:
    with listening(saying(answer)) as url, pytest.raises(error, match=told):
        GenericEnvClient(base_url=url).sync().splits()


def test_clients_that_cannot_be_asked() -> None:
    env = GenericEnvClient.from_environment(Quiz)
    asyncio.run(_used_and_closed(env))
    with pytest.raises(ClientClosedError):
        env.tasks("train")


async def _used_and_closed(env: EnvClient[Any, Any, Any]) -> None:
    await env.splits()
    with pytest.raises(ConfigurationError, match=r"call \.sync\(\) before the first request"):
        env.sync()
    await env.close()


def test_a_pool_that_was_asked_on_a_loop_stays_there() -> None:
    async def look() -> None:
        async with GenericEnvClient.pool(1, environment=Quiz) as pool:
            await pool.splits()
            with pytest.raises(ConfigurationError, match=r"call \.sync\(\) before anything else"):
                pool.sync()

    asyncio.run(look())
