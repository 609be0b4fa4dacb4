"""The reasoning-gym environment: its questions, how answers are scored, and what answers cannot do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from openenv import SyncEnvClient
from openenv.core.exceptions import EnvironmentExecutionError, InvalidRequestError, TaskNotFoundError
from openenv.testing import check_environment, check_project, serve
from reasoning_gym_env import ReasoningGymAction, ReasoningGymEnv, ReasoningGymObservation, ReasoningGymState
from reasoning_gym_env.server.fork_server import (
    ForkServer,
    RequestFailedError,
    RequestTimedOutError,
    fork_server,
)
from reasoning_gym_env.server.questions import _answer_in, catalogue
from reasoning_gym_env.server.reasoning_gym_environment import ReasoningGymEnvironment
from reasoning_gym_env.server.tasks import task_at
from reasoning_gym_env.worker.expressions import is_formula
from tests.docs.pages import ROOT, blocks_of, promised_lines, run_python

PROJECT = ROOT / "envs" / "reasoning_gym_env"
# They have several right answers, and make none of them themselves.
WITHOUT_ANSWER = {"boxnet", "graph_color", "propositional_logic", "rubiks_cube", "rush_hour"}
# Levels of curricula that their datasets refuse, or make no question of in half a minute.
BEYOND_THEMSELVES = {
    ("caesar_cipher", 3),
    ("jugs", 3),
    ("knight_swap", 0),
    ("knight_swap", 4),
    ("rubiks_cube", 4),
    ("survo", 3),
}
# It takes years to divide by all smaller numbers.
PRIME = 2**89 - 1
Asked: TypeAlias = SyncEnvClient[ReasoningGymAction, ReasoningGymObservation, ReasoningGymState]


@pytest.fixture
def env() -> Iterator[Asked]:
    with ReasoningGymEnv.from_environment(ReasoningGymEnvironment).sync() as client:
        yield client


def asked(
    name: str, seed: int, *, timeout_s: float = 30, of: ForkServer | None = None, **more: object
) -> dict[str, Any]:
    request = {"do": "question", "name": name, "config": {}, "level": None, "seed": seed, **more}
    return (of or fork_server()).ask(request, timeout_s)


def test_an_answer_is_scored_by_its_dataset(env: Asked) -> None:
    first = env.reset(dataset="leg_counting", seed=42)
    result = env.step(ReasoningGymAction(answer="100"))

    assert first.observation.question.rstrip().endswith("3 sea slugs, 12 deers, 2 giraffes, 11 elephants?")
    assert (first.observation.dataset, first.observation.category) == ("leg_counting", "arithmetic")
    assert (first.observation.correct_answer, first.observation.score) == (None, None)
    assert (result.reward, result.done, result.observation.correct_answer) == (1.0, True, "100")
    with pytest.raises(EnvironmentExecutionError, match="reset asks one"):
        env.step(ReasoningGymAction(answer="100"))


def test_a_wrong_answer_is_worth_nothing_and_tells_the_right_one(env: Asked) -> None:
    env.reset(dataset="leg_counting", seed=42)
    result = env.step(ReasoningGymAction(answer="99"))

    assert (result.reward, result.done, result.observation.correct_answer) == (0.0, True, "100")


def test_an_answer_may_be_tried_again_where_tries_are_left(env: Asked) -> None:
    env.reset(dataset="leg_counting", seed=42, tries=3)
    wrong = env.step(ReasoningGymAction(answer="99"))
    right = env.step(ReasoningGymAction(answer="100"))

    assert (wrong.reward, wrong.done, wrong.observation.tries_left) == (0.0, False, 2)
    assert wrong.observation.correct_answer is None
    assert (right.reward, right.done, right.observation.tries_left) == (1.0, True, 1)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("7", "7"),
        (" 7\n", " 7\n"),
        ("so <answer> 7 </answer>.", "7"),
        ("<answer>6</answer>, no: <answer>7</answer>", "7"),
        ("<answer>7", "<answer>7"),
        ("7</answer>", "7</answer>"),
        ("</answer><answer>", "</answer><answer>"),
        ("<answer></answer>", ""),
    ],
)
def test_the_answer_stands_between_the_last_tags(text: str, answer: str) -> None:
    assert _answer_in(text) == answer


def test_a_seed_asks_the_same_question_in_every_process_also_in_the_place_of_one_that_died(env: Asked) -> None:
    # word_ladder goes through sets of texts, whose order differs from process to process unless that is prevented.
    names = ("word_ladder", "ransom_note", "gcd")
    own = [env.reset(dataset=name, seed=7).observation.question for name in names]
    other = ForkServer()
    try:
        other._process.kill()
        other._process.wait()
        assert [asked(name, 7, of=other)["question"] for name in names] == own
    finally:
        other.close()
    assert other._process.poll() is not None


def test_chance_tells_its_seed(env: Asked) -> None:
    first = env.reset()
    state = env.state()
    again = env.reset(dataset=state.dataset, seed=state.seed)

    assert again.observation == first.observation


def test_config_and_level_make_questions_harder(env: Asked) -> None:
    easy = env.reset(dataset="gcd", seed=1, level=0).observation
    hard = env.reset(dataset="gcd", seed=1, level={"num_terms": 3}).observation
    own = env.reset(dataset="gcd", seed=1, level=0, config={"min_numbers": 4, "max_numbers": 4}).observation

    assert easy.difficulty["num_terms"] == [2, 2]
    assert hard.difficulty["num_terms"] == [2, 5]
    assert own.difficulty["num_terms"] == [4, 4]
    assert env.state().config == {"min_numbers": 4, "max_numbers": 4}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"dataset": "sums"}, "list_datasets"),
        ({"dataset": "composite"}, "list_datasets"),
        ({"dataset": "gcd", "config": {"numbers": 3}}, "it has min_numbers, max_numbers"),
        ({"dataset": "gcd", "config": {"seed": 3}}, "has no 'seed'"),
        ({"dataset": "gcd", "config": {"min_numbers": 9}}, "cannot be"),
        ({"dataset": "gcd", "level": 4}, "from 0 to 3, got 4"),
        ({"dataset": "gcd", "level": {"size": 1}}, "it has num_terms, value"),
        ({"dataset": "gcd", "level": {"value": -1}}, "from 0 to 3, got -1"),
        ({"dataset": "acre", "level": 1}, "no curriculum"),
        ({"level": 1}, "say which dataset"),
        ({"dataset": "gcd", "mix": [{"dataset": "lcm"}]}, "move them"),
        ({"dataset": "gcd", "task": {"dataset": "gcd", "seed": 2}}, "leave one of them out"),
        ({"task": {"dataset": "gcd"}}, "get_task"),
    ],
)
def test_what_cannot_be_asked_is_refused(env: Asked, arguments: dict[str, object], told: str) -> None:
    with pytest.raises(EnvironmentExecutionError, match=told):
        env.reset(**arguments)


def test_a_mix_asks_as_often_as_its_weights_say(env: Asked) -> None:
    mix = [{"dataset": "gcd", "weight": 3}, {"dataset": "lcm", "config": {"max_value": 10}}]
    names = [env.reset(mix=mix, seed=seed).observation.dataset for seed in range(30)]

    assert 15 < names.count("gcd") < 30
    assert env.state().config == {"max_value": 10} or env.state().dataset == "gcd"
    with pytest.raises(InvalidRequestError, match="weight"):
        env.reset(mix=[{"dataset": "gcd", "weight": 0}])


def test_tasks_are_the_datasets_in_turn_and_of_each(env: Asked) -> None:
    assert env.splits()[:4] == ["train", "test", "train/ab", "train/acre"]
    names = [task["dataset"] for task in env.tasks("train")[0 : len(catalogue()) + 1]]

    assert names == [*catalogue(), "ab"]
    assert len(env.tasks("train")) == 10_000 * len(catalogue())
    assert len(env.tasks("test/gcd")) == 1000
    assert env.tasks("train")[len(catalogue())]["seed"] == env.tasks("train/ab")[1]["seed"]
    result = env.reset(split="test/leg_counting", index=5, level=1)
    assert result.observation.dataset == "leg_counting"
    assert (env.state().seed, env.state().level) == (2**31 + 5, 1)
    with pytest.raises(TaskNotFoundError):
        env.reset(split="train/sums", index=0)
    with pytest.raises(ValueError, match="train/gcd"):
        task_at("train/sums", 0)


def test_the_tools_tell_what_there_is(env: Asked) -> None:
    env.reset(dataset="gcd")
    listed = env.call_tool("list_datasets")

    assert {"gcd", "lcm", "leg_counting"} <= set(listed["arithmetic"])
    assert sum(map(len, listed.values())) == len(catalogue()) > 100
    described = env.call_tool("describe_dataset", dataset="gcd")
    assert described["category"] == "arithmetic"
    assert described["levels"] == {"num_terms": 4, "value": 4}
    assert described["config"]["min_numbers"] == 2


@pytest.mark.parametrize("dataset", ["countdown", "binary_matrix", "decimal_arithmetic", "jugs"])
def test_no_answer_does_harm(env: Asked, dataset: str) -> None:
    env.reset(dataset=dataset, seed=1, tries=100)
    for answer in (
        "",
        "\0",
        "\ud7ff" * 50,
        "ａ１٣²",
        "[" * 60_000,
        "9" * 60_000,
        "{}",
        "-",
        "🏴" * 60_000,
        "1e9999999",
    ):
        result = env.step(ReasoningGymAction(answer=answer), timeout_s=30)
        assert not result.done
        assert result.reward is not None
        assert 0 <= result.reward < 0.1
    with pytest.raises(InvalidRequestError, match="65536"):
        env.step(ReasoningGymAction.model_construct(answer="1" * 65_537))


def test_an_answer_that_is_code_is_not_run(env: Asked, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    for dataset in ("binary_matrix", "spiral_matrix", "string_insertion", "n_queens", "countdown", "puzzle24"):
        env.reset(dataset=dataset, seed=1)
        result = env.step(ReasoningGymAction(answer=f"__import__('os').mkdir({str(trace)!r})"))
        assert result.reward is not None
        assert result.reward < 0.1
    for dataset in ("simple_integration", "intermediate_integration", "polynomial_multiplication"):
        env.reset(dataset=dataset, seed=1)
        result = env.step(ReasoningGymAction(answer=f"Symbol(__import__('os').mkdir({str(trace)!r}) or 'x')"))
        assert result.reward == 0

    assert not trace.exists()


@pytest.mark.parametrize("text", ["x**2/2 + C", "-3*cos(2*x) + 0.5*log(x)", "94 * 4 - 61", "alpha*E", "5!", "2.e3"])
def test_a_formula_is_evaluated(text: str) -> None:
    assert is_formula(text)


@pytest.mark.parametrize(
    "text",
    ["x.func", "2.real", "().__class__", "open('f')", "eval(x)", "exec", "__import__", "lambda", "[x]", "x=1", "S('1')",
     "Symbol(x)", "srepr(x)", "lambdify(x,x)", "x if y else z", "f\"x\"", "x:=1", "ｅval(x)", "1..x", "3.x", "x;y"],
)  # fmt: skip
def test_other_code_is_not(text: str) -> None:
    assert not is_formula(text)


def test_an_answer_that_takes_long_is_ended_and_worth_nothing(env: Asked) -> None:
    env.reset(dataset="countdown", seed=1)
    result = env.step(ReasoningGymAction(answer="9**9**9**9"), timeout_s=0.5)

    assert (result.reward, result.done) == (0.0, True)
    assert "longer than 0.5 s" in result.observation.error


def test_a_question_that_takes_long_is_ended() -> None:
    with pytest.raises(RequestTimedOutError, match=r"longer than 0\.2 s"):
        asked("prime_factorization", 1, timeout_s=0.2, config={"min_value": PRIME, "max_value": PRIME})

    assert asked("gcd", 1)["answer"]


def test_what_a_dataset_raises_is_told() -> None:
    with pytest.raises(RequestFailedError, match="Error"):
        asked("gcd", 1, do="score", entry="", answer="1")


def test_many_sessions_are_asked_at_once() -> None:
    with ThreadPoolExecutor(16) as threads:
        questions = list(threads.map(lambda seed: asked("gcd", seed)["question"], range(12)))

    assert questions == [asked("gcd", seed)["question"] for seed in range(12)]


def test_a_client_does_not_load_reasoning_gym() -> None:
    code = "import reasoning_gym_env, sys; sys.exit('reasoning_gym' in sys.modules or 'fastapi' in sys.modules)"

    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_readme_does_what_it_says() -> None:
    [block] = [block for block in blocks_of(PROJECT / "README.md") if block.language == "python"]
    with serve(ReasoningGymEnvironment) as server:
        printed, _ = run_python(block, server.base_url, {})

    assert printed == promised_lines(block)


def test_its_project_is_whole() -> None:
    check_project(PROJECT, level="static").raise_if_failed(strict=True)


@pytest.mark.lengthy
def test_it_keeps_what_every_environment_promises() -> None:
    report = check_environment(ReasoningGymEnvironment, client_cls=ReasoningGymEnv, steps=8, check_timeout_s=300)

    report.raise_if_failed(strict=True)


@pytest.fixture
def other() -> Iterator[ForkServer]:
    server = ForkServer()
    yield server
    server.close()


@pytest.mark.lengthy
def test_every_dataset_asks_everywhere_the_same_and_gives_its_own_answer_the_full_score(other: ForkServer) -> None:
    unscored = set()
    for name in catalogue():
        for seed in (1, 2**31 + 5):
            told = asked(name, seed)
            assert asked(name, seed, of=other)["question"] == told["question"], f"{name} {seed}"
            if told["answer"] is None:
                unscored.add(name)
                continue
            of = {"do": "score", "entry": told["entry"]}
            assert asked(name, seed, answer=told["answer"], **of)["score"] == 1, f"{name} {seed}"
            assert asked(name, seed, answer="", **of)["score"] < 0.1, f"{name} {seed}"

    assert unscored == WITHOUT_ANSWER


@pytest.mark.lengthy
def test_every_curriculum_has_a_lowest_and_a_highest_level() -> None:
    impossible = set()
    for name, dataset in catalogue().items():
        for level in (0, max(dataset.levels.values()) - 1) if dataset.levels else ():
            if (name, level) in BEYOND_THEMSELVES:
                continue
            try:
                assert asked(name, 1, level=level)["question"]
            except (RequestFailedError, ValueError) as error:
                impossible.add((name, level, str(error)))

    assert not impossible
