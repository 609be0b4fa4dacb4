from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest

from openenv.core.env_server.types import Action, Observation
from openenv.core.exceptions import ConfigurationError, ConnectError, JudgeError, RequestTimeoutError, RubricError
from openenv.core.rubrics import Gate, LLMJudge, WeightedSum
from openenv.core.rubrics._chat_endpoint import ChatEndpoint
from tests.core.rubrics.chat_server import ChatServer, Reply, chatting
from tests.core.rubrics.scoring import Given, ask


class Say(Action):
    text: str = ""


class Heard(Observation):
    words: list[str] = []  # noqa: RUF012 - a field of a pydantic model


@pytest.fixture(scope="module")
def running() -> Iterator[ChatServer]:
    with chatting() as chat:
        yield chat


@pytest.fixture
def chat(running: ChatServer) -> ChatServer:
    running.replies, running.requests = [Reply()], []
    return running


def judge(chat: ChatServer, template: str = "{action.text}", **options: Any) -> LLMJudge:
    settings = {"base_url": chat.base_url, "model": "judge-1", "api_key_env": None, "retry_wait_s": 0.0, **options}
    return LLMJudge(template, **settings)


def score_of(rubric: Any, text: str = "Hello") -> float:
    score = asyncio.run(ask(rubric, Say(text=text), Heard(words=["a", "b"])))
    assert isinstance(score, float)
    return score


def said(chat: ChatServer, text: Any, **options: Any) -> float:
    chat.replies = [Reply(text)]
    return score_of(judge(chat, **options))


def test_the_model_is_asked_what_the_template_says(chat: ChatServer) -> None:
    rubric = judge(
        chat,
        'Rate {action.text} after {observation.words[1]}, as {{"score": 1}} or {not this}: {observation}',
        system_prompt="Be strict.",
        options={"temperature": 0, "max_tokens": 8},
    )

    assert score_of(rubric, "{observation} {action}") == 1.0

    [(path, headers, body)] = chat.requests
    assert path == "/v1/chat/completions"
    assert headers["content-type"] == "application/json"
    assert "authorization" not in headers
    assert {name: value for name, value in body.items() if name != "messages"} == {
        "model": "judge-1",
        "temperature": 0,
        "max_tokens": 8,
    }
    shown = "done=False reward=None metadata={} words=['a', 'b']"
    told = 'Rate {observation} {action} after b, as {"score": 1} or {not this}: ' + shown
    assert body["messages"] == [{"role": "system", "content": "Be strict."}, {"role": "user", "content": told}]
    assert (rubric.last_score, rubric.last_answer) == (1.0, "1.0")


def test_the_key_is_read_when_it_is_used(chat: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    rubric = judge(chat, api_key_env="JUDGE_KEY_OF_TESTS")
    score_of(rubric)
    monkeypatch.setenv("JUDGE_KEY_OF_TESTS", "sk-of-tests\n")

    score_of(rubric)

    assert [headers.get("authorization") for _, headers, _ in chat.requests] == [None, "Bearer sk-of-tests"]


@pytest.mark.parametrize(
    ("answer", "options", "score"),
    [
        ("0.8", {}, 0.8),
        ("I say .25 out of 1", {}, 0.25),
        ("-3", {}, 0.0),
        ("Score: 8", {}, 1.0),
        ("Score: 8", {"score_range": (0, 10)}, 0.8),
        ("Score: 4", {"score_range": (1, 5)}, 0.75),
        ("Score: 8", {"normalize": False}, 8.0),
        ("3 reasons. Score: 0.5.", {"score_pattern": r"Score: ([\d.]*\d)"}, 0.5),
        ("good 1", {"score_pattern": r"\d"}, 1.0),
        ("<think>0.1 or 0.9?</think>0.5", {}, 0.5),
        ('```json\n{"why": "{", "score": 0.5}\n```', {"score_key": "score"}, 0.5),
        ('{"score": 0} no: {"a": {"score": 1}, "score": "0.75"}', {"score_key": "score"}, 0.75),
        ('{so} {"score": 0.5} {', {"score_key": "score"}, 0.5),
        ('{"score": "high"}', {"score_key": "score"}, 0.0),
        ("1e-1", {}, 0.1),
        ("8/10", {"score_pattern": r"Score: (\d+)|(\d+)/10", "score_range": (0, 10)}, 0.8),
        ('{"score": NaN}', {"score_key": "score", "default_score": 0.5}, 0.5),
        ('{"score": 1e999}', {"score_key": "score", "default_score": 0.5}, 0.5),
        ("no number", {}, 0.0),
        ("no number", {"default_score": 0.5}, 0.5),
        ('{"score": null}', {"score_key": "score", "default_score": 0.5}, 0.5),
    ],
)
def test_the_score_in_an_answer(chat: ChatServer, answer: str, options: dict[str, Any], score: float) -> None:
    assert said(chat, answer, **options) == pytest.approx(score)


def test_an_answer_in_parts(chat: ChatServer) -> None:
    parts = [{"type": "text", "text": "Score: "}, {"type": "text", "text": "0.5"}]

    assert said(chat, {"choices": [{"message": {"content": parts}}]}) == 0.5


def test_an_answer_with_an_error_of_null(chat: ChatServer) -> None:
    assert said(chat, {"error": None, "choices": [{"message": {"content": "0.5"}}]}) == 0.5


def test_an_answer_without_a_score_is_logged_or_raised(chat: ChatServer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        said(chat, "very good")
    assert "got 'very good': the score is 0" in caplog.text

    with pytest.raises(
        JudgeError, match="expected a score in the judge's answer, as 'score' in a JSON object"
    ) as caught:
        said(chat, "very good", score_key="score", default_score=None)
    assert (caught.value.answer, caught.value.status) == ("very good", 200)


@pytest.mark.parametrize(
    "reply", [Reply(status=503), Reply(status=429, headers={"Retry-After": "0"}), Reply(hangs_up=True)]
)
def test_what_passes_is_tried_again(chat: ChatServer, reply: Reply) -> None:
    chat.replies = [reply, reply, Reply("0.5")]

    assert score_of(judge(chat, retries=2)) == 0.5
    assert len(chat.requests) == 3


@pytest.mark.parametrize(
    ("retry_after", "least", "most"),
    [
        (None, 0.0, 0.0),
        ("7", 7.0, 7.0),
        ("Wed, 21 Oct 2065 07:28:00 GMT", 60.0, 60.0),
        ("86400", 60.0, 60.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0, 0.0),
        ("nan", 0.0, 0.0),
        ("-5", 0.0, 0.0),
        ("soon", 0.0, 0.0),
    ],
)
def test_a_server_says_when_to_come_again(retry_after: str | None, least: float, most: float) -> None:
    endpoint = ChatEndpoint("http://h/v1", "judge-1", retry_wait_s=0.0)

    assert least <= endpoint._wait_s(0, retry_after) <= most


def test_a_server_says_at_what_time_to_come_again() -> None:
    endpoint = ChatEndpoint("http://h/v1", "judge-1", retry_wait_s=0.0)
    soon = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=50))

    assert 0.0 < endpoint._wait_s(0, soon) <= 50.0


def test_tries_are_counted(chat: ChatServer) -> None:
    chat.replies = [Reply({"error": {"message": "overloaded"}}, status=503, headers={"Retry-After": "soon"})]
    with pytest.raises(JudgeError, match="HTTP status 503 in 2 tries: overloaded") as caught:
        score_of(judge(chat, retries=1))
    assert caught.value.status == 503

    chat.replies = [Reply(hangs_up=True)]
    with pytest.raises(
        JudgeError, match="judge-1 could not be asked in one try: no server could be reached"
    ) as unheard:
        score_of(judge(chat, retries=0))
    assert unheard.value.status is None
    assert isinstance(unheard.value.__cause__, ConnectError)


def test_an_answer_that_does_not_come(chat: ChatServer) -> None:
    done = threading.Event()
    chat.replies = [Reply(after=done)]
    try:
        with pytest.raises(JudgeError, match=r"no answer came from .* in time") as caught:
            score_of(judge(chat, retries=0, timeout_s=0.05))
    finally:
        done.set()
    assert isinstance(caught.value.__cause__, RequestTimeoutError)


@pytest.mark.parametrize(
    ("reply", "options", "told"),
    [
        (Reply({"error": {"message": "no such model"}}, status=400), {}, "HTTP status 400 in one try: no such model$"),
        (Reply({"error": {"message": "bad key"}}, status=401), {}, r"bad key\. Give api_key_env, the name"),
        (
            Reply({"error": "bad key"}, status=401),
            {"api_key_env": "JUDGE_KEY_OF_TESTS"},
            "environment variable JUDGE_KEY_OF_TESTS, which is not set",
        ),
        (Reply(b"<html>", status=502), {"retries": 0}, "HTTP status 502 in one try: <html>"),
        (Reply({"error": {"message": "upstream"}}), {}, "HTTP status 200 in one try: upstream"),
        (Reply(status=302, headers={"Location": "http://127.0.0.1:9/"}), {}, "HTTP status 302"),
        (Reply({"choices": []}), {}, "judge-1 said nothing: "),
        (Reply(""), {}, "judge-1 said nothing: "),
    ],
)
def test_what_cannot_be_mended_by_trying_again(
    chat: ChatServer, reply: Reply, options: dict[str, Any], told: str
) -> None:
    chat.replies = [reply]

    with pytest.raises(JudgeError, match=told):
        score_of(judge(chat, **options))

    assert len(chat.requests) == 1


def test_a_wrong_address_is_told_of(chat: ChatServer) -> None:
    with pytest.raises(JudgeError, match=r"HTTP status 404 .*\. Most servers want a base_url that ends with /v1"):
        score_of(judge(chat, base_url=chat.base_url.removesuffix("/v1")))


def test_keys_are_not_told(chat: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_KEY_OF_TESTS", "sk-not-for-logs")
    chat.replies = [Reply({"error": {"message": "bad key sk-not-for-logs"}}, status=401)]

    with pytest.raises(JudgeError, match="which holds another key") as caught:
        score_of(judge(chat, api_key_env="JUDGE_KEY_OF_TESTS"))

    assert "sk-not-for-logs" not in str(caught.value)


def test_judges_are_asked_side_by_side() -> None:
    both = threading.Barrier(2)

    class Together(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            both.wait(60)
            return True

    with chatting(Reply("0.5", after=Together())) as chat:
        rubric = WeightedSum([judge(chat, "a"), Gate(judge(chat, "b"), 0.5)], [0.5, 0.5])
        assert score_of(rubric) == 0.5

    assert sorted(chat.prompts) == ["a", "b"]


def test_a_client_of_ones_own() -> None:
    class Client:
        async def complete(self, prompt: str) -> str:
            return prompt

    class Plain:
        def complete(self, prompt: str) -> str:
            return prompt

    assert score_of(LLMJudge("{action.text}", Client()), "0.5") == 0.5
    assert score_of(LLMJudge("{action.text}", Plain()), "0.5") == 0.5


@pytest.mark.parametrize("template", ["{action.words}", "{observation.words[7]}", "{action.text.no}"])
def test_a_part_that_is_not_there(template: str, chat: ChatServer) -> None:
    with pytest.raises(RubricError, match=r"the prompt asks for {(action|observation)"):
        score_of(judge(chat, template))


def test_settings_are_kept(chat: ChatServer) -> None:
    rubric = judge(chat, "one", score_range=(0, 10), default_score=None)
    other = judge(chat, "two", score_key="score")

    other.load_state_dict(rubric.state_dict())

    assert other.state_dict() == rubric.state_dict()
    assert (other.prompt_template, other.score_key, other.score_range) == ("one", None, (0, 10))
    assert not any("127.0.0.1" in str(value) for value in rubric.state_dict().values())


def test_settings_are_kept_as_json(chat: ChatServer) -> None:
    rubric, other = judge(chat, score_range=(0, 10)), judge(chat)

    other.load_state_dict(json.loads(json.dumps(rubric.state_dict())))

    assert other.state_dict() == rubric.state_dict()


@pytest.mark.parametrize("wrong", [{"score_range": [5, 1]}, {"score_range": 3}, {"score_pattern": "("}])
def test_settings_that_cannot_work_change_nothing(chat: ChatServer, wrong: dict[str, Any]) -> None:
    rubric = judge(chat)
    before = rubric.state_dict()

    with pytest.raises(ConfigurationError):
        rubric.load_state_dict({"prompt_template": "another", **wrong})

    assert rubric.state_dict() == before


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "expected base_url=… and model=… of an endpoint, or client=…"),
        ({"base_url": "http://h/v1"}, "expected base_url=… and model=…"),
        ({"client": Given(1.0), "model": "m"}, "got both"),
        ({"base_url": "h:80", "model": "m"}, "expected an address such as http://localhost:8000/v1, got 'h:80'"),
        ({"base_url": "http://h", "model": "m", "timeout_s": 0}, "expected timeout_s > 0"),
        (
            {"base_url": "http://h", "model": "m", "score_pattern": "("},
            "expected a regular expression as score_pattern",
        ),
        ({"base_url": "http://h", "model": "m", "score_range": (1, 1)}, r"expected \(least, most\) as score_range"),
    ],
)
def test_settings_that_cannot_work(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        LLMJudge("prompt", **options)
