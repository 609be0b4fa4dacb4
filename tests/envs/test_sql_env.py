"""The SQL environment: its questions, what counts as an answer, and what queries cannot do."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TypeAlias

import pytest

from openenv import SyncEnvClient
from openenv.core.client_types import StepResult
from openenv.core.exceptions import EnvironmentExecutionError, TaskNotFoundError
from openenv.testing import check_environment, check_project, serve
from sql_env import SqlAction, SqlEnv, SqlObservation, SqlState
from sql_env.server.comparison import is_same_answer
from sql_env.server.database import Database, QueryError, Result
from sql_env.server.memory import SharedMemory
from sql_env.server.questions import Question, questions_of, script_of, splits
from sql_env.server.sql_environment import SqlEnvironment
from tests.docs.pages import ROOT, blocks_of, promised_lines, run_python

PROJECT = ROOT / "envs" / "sql_env"
QUESTIONS = [question for split in splits() for question in questions_of(split)]
ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
GREEDY = (
    "WITH RECURSIVE n (i, b) AS (SELECT 1, zeroblob(16000) UNION ALL SELECT i + 1, zeroblob(16000) FROM n LIMIT 60000) "
    "SELECT i FROM n ORDER BY b, i"
)
_PATIENCE_S = 60
Asked: TypeAlias = SyncEnvClient[SqlAction, SqlObservation, SqlState]


@pytest.fixture
def env() -> Iterator[Asked]:
    with SqlEnv.from_environment(SqlEnvironment).sync() as client:
        yield client


@pytest.fixture(scope="module")
def shop() -> Iterator[Database]:
    database = Database(script_of("shop").replace("$SHIFT", "0"))
    yield database
    database.close()


def answer(env: Asked, sql: str) -> StepResult[SqlObservation]:
    return env.step(SqlAction(sql=sql, submit=True))


def found(question: Question, shift: str) -> Result:
    database = Database(script_of(question.database).replace("$SHIFT", shift))
    try:
        return database.run(question.sql, most_rows=1000, timeout_s=5)
    finally:
        database.close()


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.id)
def test_every_question_is_answered_by_its_query_and_not_by_what_was_seen(env: Asked, question: Question) -> None:
    shown, hidden = found(question, "0"), found(question, "7")
    assert shown.rows
    assert not is_same_answer(shown, hidden, is_ordered=question.is_ordered)

    env.reset(task={"id": question.id})
    result = answer(env, question.sql)
    assert (result.reward, result.done, result.observation.is_correct) == (1.0, True, True)

    env.reset(task={"id": question.id})
    seen = ", ".join("(" + ", ".join(repr(cell) for cell in row) + ")" for row in shown.rows)
    result = answer(env, f"VALUES {seen}")
    assert (result.reward, result.observation.error, result.observation.is_correct) == (0.0, "", False)


def test_no_database_is_in_two_splits() -> None:
    train, test = ({question.database for question in questions_of(split)} for split in ("train", "test"))

    assert train
    assert test
    assert not train & test


def test_tasks_do_not_tell_their_answers(env: Asked) -> None:
    assert env.splits() == ["train", "test"]
    tasks = list(env.tasks("test"))

    assert len(tasks) == len(questions_of("test"))
    assert {key for task in tasks for key in task} == {"id", "database", "question"}


def test_a_task_is_asked(env: Asked) -> None:
    result = env.reset(split="test", index=1)

    assert result.observation.question == questions_of("test")[1].text
    assert "CREATE TABLE trips" in result.observation.tables
    assert (env.state().database, result.observation.queries_left) == ("railway", 10)
    with pytest.raises(TaskNotFoundError):
        env.reset(split="test", index=6)
    with pytest.raises(EnvironmentExecutionError, match="list_tasks"):
        env.reset(task={"id": "train-99"})


def test_a_seed_chooses_the_question(env: Asked) -> None:
    asked = [env.reset(seed=seed).observation.question for seed in (1, 1, 2, 3, 4)]

    assert asked[0] == asked[1]
    assert len(set(asked)) > 1


def test_queries_look_around_without_ending_the_episode(env: Asked) -> None:
    env.reset(split="train", index=7)
    result = env.step(SqlAction(sql="SELECT id, name FROM products ORDER BY id LIMIT 2"))

    assert result.observation.columns == ["id", "name"]
    assert result.observation.rows == [[1, "Product A"], [2, "Product B"]]
    assert (result.reward, result.done, result.observation.is_correct) == (0.0, False, None)
    assert result.observation.queries_left == 9


def test_the_tenth_query_is_the_last(env: Asked) -> None:
    env.reset(split="train", index=7)
    results = [env.step(SqlAction(sql="SELECT 1")) for _ in range(10)]

    assert [result.done for result in results] == [False] * 9 + [True]
    with pytest.raises(EnvironmentExecutionError, match="reset asks one"):
        env.step(SqlAction(sql="SELECT 1"))


def test_a_query_that_fails_is_told_and_is_no_answer(env: Asked) -> None:
    env.reset(split="train", index=7)
    looked = env.step(SqlAction(sql="SELECT weight FROM products"))
    assert (looked.done, looked.observation.error) == (False, "no such column: weight")

    result = answer(env, "SELECT weight FROM products")
    assert (result.reward, result.done, result.observation.is_correct) == (0.0, True, False)


def test_a_hundred_rows_are_shown(env: Asked) -> None:
    env.reset(split="train", index=7)
    exact = env.step(SqlAction(sql="SELECT id FROM orders LIMIT 100")).observation
    more = env.step(SqlAction(sql="SELECT id FROM orders")).observation
    endless = env.step(SqlAction(sql=ENDLESS)).observation

    assert (len(exact.rows), exact.has_more_rows) == (100, False)
    assert (len(more.rows), more.has_more_rows) == (100, True)
    assert (len(endless.rows), endless.has_more_rows, endless.error) == (100, True, "")


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM orders",
        "UPDATE products SET price = 0",
        "INSERT INTO customers VALUES (99, 'x', 'y')",
        "DROP TABLE orders",
        "CREATE TABLE t (i)",
        "CREATE TEMP TABLE t (i)",
        "ATTACH 'other.db' AS other",
        "VACUUM INTO 'copy.db'",
        "PRAGMA query_only = OFF",
        "SELECT * FROM pragma_database_list",
        "BEGIN",
        "SELECT load_extension('x')",
        "SELECT random()",
        "SELECT 1; SELECT 2",
        "",
        "-- nothing",
        "SELECT '\0'",
        "SELECT 1 FROM",
    ],
)
def test_what_is_no_query_is_refused(shop: Database, sql: str) -> None:
    with pytest.raises(QueryError):
        shop.run(sql, most_rows=1, timeout_s=5)

    assert shop.run("SELECT count(*) FROM orders", most_rows=1, timeout_s=5).rows == [[120]]


@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0",
        "SELECT count(*) FROM orders a, orders b, orders c, orders d, orders e",
    ],
)
def test_a_query_that_takes_long_is_ended(shop: Database, sql: str) -> None:
    with pytest.raises(QueryError, match=r"longer than 0\.05 s"):
        shop.run(sql, most_rows=1, timeout_s=0.05)

    assert shop.run("SELECT 1", most_rows=1, timeout_s=5).rows == [[1]]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="sqlite3 has no setlimit before Python 3.11")
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT zeroblob(1000000000)",
        "WITH RECURSIVE n (t) AS (SELECT 'ab' UNION ALL SELECT t || t FROM n) SELECT max(t) FROM n",
        f"SELECT {', '.join(['1'] * 65)}",
    ],
)
def test_values_and_rows_cannot_grow_without_bounds(shop: Database, sql: str) -> None:
    with pytest.raises(QueryError, match=r"too (big|many)"):
        shop.run(sql, most_rows=1, timeout_s=5)


@pytest.mark.lengthy
@pytest.mark.skipif(sys.version_info < (3, 11), reason="sqlite3 has no setlimit before Python 3.11")
def test_a_query_that_takes_much_memory_is_ended(shop: Database) -> None:
    sql = (
        "WITH RECURSIVE n (i, b) AS (SELECT 1, zeroblob(16000) UNION ALL SELECT i + 1, zeroblob(16000) FROM n) "
        "SELECT i, b FROM n ORDER BY b, i DESC"
    )
    with pytest.raises(QueryError, match="memory"):
        shop.run(sql, most_rows=1, timeout_s=30)

    assert shop.run("SELECT 1", most_rows=1, timeout_s=5).rows == [[1]]


def test_cells_are_what_json_can_hold(shop: Database) -> None:
    sql = "SELECT NULL, 1, 1.5, 'ü', x'00ff', 9e999, CAST(x'61ff' AS TEXT)"

    assert shop.run(sql, most_rows=1, timeout_s=5).rows == [[None, 1, 1.5, "ü", "00ff", "inf", "a\ufffd"]]


@pytest.mark.parametrize(
    ("rows", "is_ordered", "is_same"),
    [
        ([[1, "a"], [2, "b"]], True, True),
        ([[2, "b"], [1, "a"]], True, False),
        ([[2, "b"], [1, "a"]], False, True),
        ([[1.0000000001, "a"], [2, "b"]], True, True),
        ([[1.01, "a"], [2, "b"]], True, False),
        ([["1", "a"], [2, "b"]], True, False),
        ([[1, "a"], [1, "a"]], False, False),
        ([[1, "a"]], False, False),
        ([[None, "a"], [2, "b"]], False, False),
    ],
)
def test_results_are_compared_as_the_question_asks(rows: list[list[object]], is_ordered: bool, is_same: bool) -> None:
    expected = Result(["n", "t"], [[1, "a"], [2, "b"]], False)
    result = Result(["x", "y"], rows, False)  # type: ignore[arg-type]

    assert is_same_answer(result, expected, is_ordered=is_ordered) is is_same


def test_a_result_with_other_columns_or_more_rows_is_another() -> None:
    expected = Result(["n"], [[1]], False)

    assert not is_same_answer(Result(["n", "m"], [[1, 1]], False), expected, is_ordered=False)
    assert not is_same_answer(Result(["n"], [[1]], True), expected, is_ordered=False)


def test_a_closed_environment_has_no_database() -> None:
    environment = SqlEnvironment()
    environment.reset()
    database = environment._database
    environment.close()

    assert database is not None
    with pytest.raises(sqlite3.ProgrammingError):
        database.tables()


def test_the_readme_does_what_it_says() -> None:
    [block] = [block for block in blocks_of(PROJECT / "README.md") if block.language == "python"]
    with serve(SqlEnvironment) as server:
        printed, _ = run_python(block, server.base_url, {})

    assert printed == promised_lines(block)


def test_it_keeps_what_every_environment_promises() -> None:
    report = check_environment(SqlEnvironment, client_cls=SqlEnv, level="contract", steps=8, check_timeout_s=300)

    report.raise_if_failed(strict=True)


def test_its_project_is_whole() -> None:
    check_project(PROJECT, level="static").raise_if_failed(strict=True)


def test_what_finds_no_memory_is_tried_again_without_others() -> None:
    memory, has_begun, may_end = SharedMemory(), Event(), Event()
    done: list[str] = []

    def hold() -> None:
        has_begun.set()
        assert may_end.wait(_PATIENCE_S)
        done.append("held")

    def need() -> None:
        done.append("needed")
        if done.count("needed") == 1:
            may_end.set()
            raise MemoryError

    with ThreadPoolExecutor(2) as threads:
        holding = threads.submit(memory.use, hold)
        assert has_begun.wait(_PATIENCE_S)
        threads.submit(memory.use, need).result(_PATIENCE_S)
        holding.result(_PATIENCE_S)

    assert done == ["needed", "held", "needed"]
    assert memory.use(lambda: 7) == 7


@pytest.mark.lengthy
@pytest.mark.timeout(120)
def test_one_session_takes_no_memory_from_another() -> None:
    asked, is_enough = questions_of("train"), Event()

    def be_greedy() -> set[str]:
        environment, errors = SqlEnvironment(), set()
        while not is_enough.is_set():
            environment.reset(seed=1)
            errors.add(environment.step(SqlAction(sql=GREEDY)).error)
        environment.close()
        return errors

    def be_modest() -> list[float | bool | None]:
        environment, rewards = SqlEnvironment(), []
        for turn in range(10):
            question = asked[turn % len(asked)]
            environment.reset(task={"id": question.id})
            rewards.append(environment.step(SqlAction(sql=question.sql, submit=True)).reward)
        environment.close()
        return rewards

    with ThreadPoolExecutor(4) as threads:
        greedy = [threads.submit(be_greedy) for _ in range(2)]
        modest = [threads.submit(be_modest) for _ in range(2)]
        try:
            rewards = [reward for each in modest for reward in each.result()]
        finally:
            is_enough.set()

    assert set(rewards) == {1.0}
    assert {error for each in greedy for error in each.result()} <= {
        "the query takes too much memory",
        "the query took longer than 2 s",
    }
