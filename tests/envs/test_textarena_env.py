"""The TextArena environment: Wordle, other games, who plays them, and what moves cannot do."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import pytest

from openenv import SyncEnvClient
from openenv.core.client_types import StepResult
from openenv.core.exceptions import ConfigurationError, EnvironmentExecutionError, InvalidRequestError
from openenv.testing import check_environment, check_project, serve
from tests.docs.pages import ROOT, blocks_of, promised_lines, run_python
from textarena_env import TextArenaAction, TextArenaEnv, TextArenaMessage, TextArenaObservation, TextArenaState
from textarena_env.server.games import facts_of, games
from textarena_env.server.match import Match
from textarena_env.server.opponents import random_move
from textarena_env.server.tasks import is_word_of
from textarena_env.server.textarena_environment import TextArenaEnvironment
from textarena_env.server.words import nouns

PROJECT = ROOT / "envs" / "textarena_env"
# Their moves are made of more than can be drawn; the first has an error of its own.
STUCK = {
    "CharacterConclave",
    "ColonelBlotto",
    "NewRecruit",
    "SantoriniBaseFixed",
    "Tak",
    "TwoDollar",
    "WordChains",
}
Played: TypeAlias = SyncEnvClient[TextArenaAction, TextArenaObservation, TextArenaState]


@pytest.fixture
def env() -> Iterator[Played]:
    with TextArenaEnv.from_environment(TextArenaEnvironment).sync() as client:
        yield client


def say(env: Played, message: str) -> StepResult[TextArenaObservation]:
    return env.step(TextArenaAction(message=message))


def secret_of(seed: int, is_secret: object = None) -> str:
    return str(Match("Wordle-v0", 1, seed, is_secret).game_state["secret_word"])  # type: ignore[arg-type]


def scores(result: StepResult[TextArenaObservation]) -> dict[str, float]:
    assert result.metadata is not None
    return {name: score for name, score in result.metadata["rubric"]["scores"].items() if name.startswith("wordle.")}


def test_wordle_marks_every_letter_of_a_guess(env: Played) -> None:
    first = env.reset(seed=3).observation
    result = say(env, "my guess is [Crane]")
    told = result.observation.wordle

    assert "secret 5-letter word" in first.prompt
    assert (first.wordle.guesses_left, first.wordle.guesses) == (6, []) if first.wordle else False
    assert told is not None
    assert told.guesses[0].word == "crane"
    assert told.guesses[0].marks == ["gray", "green", "green", "yellow", "gray"]
    assert (told.guesses_left, result.reward, result.done) == (5, 0.0, False)
    assert "Feedback:\nC R A N E\nX G G Y X" in result.observation.messages[-1].content
    assert scores(result) == {
        "wordle.greens": 0.4,
        "wordle.yellows": 0.2,
        "wordle.repetitions": 1.0,
        "wordle.correct": 0.0,
    }


def test_the_secret_word_wins(env: Played) -> None:
    env.reset(seed=3)
    result = say(env, secret_of(3))

    assert (result.reward, result.done) == (1.0, True)
    assert (result.observation.rewards, result.observation.legal_players) == ({"0": 1.0}, [])
    assert "guessed the word correctly" in result.observation.outcome
    assert scores(result)["wordle.correct"] == 1.0
    with pytest.raises(EnvironmentExecutionError, match="reset begins one"):
        say(env, "crane")


def test_what_is_no_word_or_was_guessed_is_told_and_may_be_said_again_once(env: Played) -> None:
    env.reset(seed=3)
    say(env, "[crane]")
    again = say(env, "[crane]")
    mended = say(env, "[storm]")
    unknown = [say(env, "[zzzzz]"), say(env, "[abc]")]

    assert "already guessed 'crane'" in again.observation.error
    assert scores(again) == {
        "wordle.greens": 0.0,
        "wordle.yellows": 0.0,
        "wordle.repetitions": 0.0,
        "wordle.correct": 0.0,
    }
    assert (mended.observation.error, mended.done) == ("", False)
    assert "not an English word" in unknown[0].observation.error
    assert [result.done for result in unknown] == [False, True]
    assert unknown[1].reward == pytest.approx(0.1)
    assert "5 letters" in unknown[1].observation.error


def test_messages_are_all_that_was_read_or_what_is_new(env: Played) -> None:
    env.reset(seed=3)
    say(env, "[crane]")
    whole = say(env, "[storm]").observation.messages
    env.reset(seed=3, history=False)
    say(env, "[crane]")
    new = say(env, "[storm]").observation.messages

    assert [message.content for message in whole[-len(new) :]] == [message.content for message in new]
    assert len(whole) == 2 * len(new)


def test_seeds_choose_words_whoever_plays_beside(env: Played) -> None:
    own = [secret_of(seed) for seed in range(40)]
    random.seed(0)
    expected = random.random()  # the chance of the process is nobody's
    random.seed(0)
    with ThreadPoolExecutor(8) as threads:
        beside = list(threads.map(secret_of, range(40)))

    assert beside == own
    assert len(set(own)) > 25
    assert random.random() == expected
    env.reset()
    state = env.state()
    assert env.reset(seed=state.seed).observation == env.reset(seed=state.seed).observation


def test_rooms_that_are_made_at_once_are_those_of_their_seeds() -> None:
    def room_of(seed: int) -> str:
        match = Match("Sokoban-v0", 1, seed)
        return match.read(0)[-1].content

    seeds = (2, 3, 4, 5)
    own = [room_of(seed) for seed in seeds]
    with ThreadPoolExecutor(len(seeds)) as threads:
        beside = list(threads.map(room_of, seeds))

    assert beside == own
    assert len(set(own)) == len(seeds)


def test_no_word_of_train_is_one_of_test() -> None:
    train, test = ([word for word in nouns() if is_word_of(kind, word)] for kind in ("train", "test"))
    own = {secret_of(2**31 + seed, lambda word: is_word_of("test", word)) for seed in range(20)}

    assert not set(train) & set(test)
    assert len(nouns()) == len(train) + len(test) > 1300
    assert own <= set(test)


def test_tasks_are_games_of_a_name_and_a_seed(env: Played) -> None:
    assert env.splits()[:3] == ["train", "test", "train/2048-v0"]
    assert len(env.tasks("train")) == 10_000
    assert env.tasks("test/Hangman-v0")[1] == {
        "id": "test/Hangman-v0/1",
        "env_id": "Hangman-v0",
        "seed": 2**31 + 1,
        "words": "test",
    }
    env.reset(split="test", index=7)
    assert (env.state().env_id, env.state().seed) == ("Wordle-v0", 2**31 + 7)
    env.reset(split="train/TicTacToe-v0", index=7, agent_id=1)
    assert (env.state().env_id, env.state().agent_id) == ("TicTacToe-v0", 1)


def test_a_game_of_two_is_played_against_random_moves(env: Played) -> None:
    def played(seed: int) -> list[str]:
        result = env.reset(env_id="ConnectFour-v0", seed=seed, agent_id=1)
        chance = random.Random(seed)
        while not result.done:
            assert result.observation.current_player_id == 1
            result = say(env, f"[col {chance.randrange(7)}]")
        assert sorted(result.observation.rewards) == ["0", "1"]
        assert result.reward == result.observation.rewards["1"]
        return [message.content for message in result.observation.messages]

    assert played(1) == played(1)
    assert played(1) != played(2)


def test_the_agent_may_play_both_sides(env: Played) -> None:
    result = env.reset(env_id="TicTacToe-v0", opponent="self")
    prompts = [result.observation.prompt]
    for cell in (0, 3, 1, 4):
        result = say(env, f"[{cell}]")
        prompts.append(result.observation.prompt)
    assert [prompt.partition(" in")[0] for prompt in prompts] == ["You are Player 0", "You are Player 1"] * 2 + [
        "You are Player 0"
    ]
    result = say(env, "[2]")

    assert (result.reward, result.done, result.observation.rewards) == (1.0, True, {"0": 1.0, "1": -1.0})


def test_more_than_two_may_play(env: Played) -> None:
    result = env.reset(env_id="LiarsDice-v0", num_players=4, seed=1)
    while not result.done:
        result = say(env, "[Call]")

    assert len(result.observation.rewards) == 4


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"env_id": "Chess"}, "see list_games"),
        ({"env_id": "Debate-v0"}, "OpenRouter"),
        ({"env_id": "Wordle-v0", "num_players": 2}, "num_players of 'Wordle-v0' as 1 to 1, got 2"),
        ({"env_id": "TicTacToe-v0", "agent_id": 2}, "below 2"),
        ({"env_id": "Taboo-v0", "num_players": 5}, "5 cannot play"),
        ({"task": {"env_id": "Wordle-v0"}}, "get_task"),
    ],
)
def test_what_cannot_be_played_is_refused(env: Played, arguments: dict[str, object], told: str) -> None:
    with pytest.raises(EnvironmentExecutionError, match=told):
        env.reset(**arguments)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="they can be played")
def test_a_game_for_a_later_python_is_refused_and_not_listed() -> None:
    assert "Chess-v0" not in games()
    with pytest.raises(ValueError, match=r"needs Python 3\.12"):
        facts_of("Chess-v0")


def test_the_variants_of_a_name_are_the_game() -> None:
    assert facts_of("Wordle-v0-train") == facts_of("Wordle-v0-raw") == facts_of("Wordle-v0")


def test_the_episode_ends_after_as_many_moves_as_is_wanted(env: Played) -> None:
    env.reset(env_id="2048-v0", seed=1, max_turns=2)
    first, second = say(env, "[left]"), say(env, "[up]")

    assert (first.done, second.done, second.reward) == (False, True, 0.0)
    assert "after 2 moves" in second.observation.outcome


@pytest.mark.parametrize("env_id", ["Wordle-v0", "TicTacToe-v0", "Sudoku-v0", "ConnectFour-v0"])
def test_no_move_does_harm(env: Played, env_id: str) -> None:
    for message in ("", "\0", "[]", "]" * 4000, "[" * 4000, "[" + "9" * 4000 + "]", "[ａ１٣²]", "🏴" * 2000, "[-1]"):
        env.reset(env_id=env_id, seed=1)
        results = [say(env, message) for _ in range(2)]
        assert results[0].observation.error
        assert results[1].done
        assert results[1].reward is not None
        assert results[1].reward <= 0.5
    with pytest.raises(InvalidRequestError, match="4096"):
        env.step(TextArenaAction.model_construct(message="a" * 4097))


def test_a_setting_names_the_game(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTARENA_ENV_ID", "Hangman-v0")
    environment = TextArenaEnvironment()
    assert "Hangman" in environment.reset(seed=1).prompt
    assert environment.get_task("test", 0)["env_id"] == "Hangman-v0"

    monkeypatch.setenv("TEXTARENA_ENV_ID", "Chess")
    with pytest.raises(ConfigurationError, match="see TEXTARENA_ENV_ID"):
        TextArenaEnvironment()


def test_games_ask_no_network_and_leave_other_modules_alone() -> None:
    code = """
import random, socket, sys
def refuse(*arguments): raise AssertionError(f"connects to {arguments}")
socket.socket.connect = refuse
import textarena_env
assert not {"textarena", "fastapi", "numpy"} & set(sys.modules)
from textarena_env.server.match import Match
match = Match("Wordle-v0", 1, 5)
chains = Match("WordChains-v0", 2, 5)
assert "nltk" not in sys.modules and type(random).__name__ == "module"
print(match.game_state["secret_word"], chains.game_state["current_word"])
"""
    told = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    ).stdout.split()

    # The order of sets differs between that process and this.
    assert told == [secret_of(5), Match("WordChains-v0", 2, 5).game_state["current_word"]]


def test_the_tool_tells_the_games(env: Played) -> None:
    env.reset()
    listed = env.call_tool("list_games")

    assert listed["Wordle-v0"] == [1, 1]
    assert listed["LiarsDice-v0"] == [2, 15]
    assert len(listed) > 200


def test_the_readme_does_what_it_says() -> None:
    [block] = [block for block in blocks_of(PROJECT / "README.md") if block.language == "python"]
    with serve(TextArenaEnvironment) as server:
        printed, _ = run_python(block, server.base_url, {})

    assert printed == promised_lines(block)


def test_its_project_is_whole() -> None:
    check_project(PROJECT, level="static").raise_if_failed(strict=True)


@pytest.mark.lengthy
@pytest.mark.timeout(900)
def test_it_keeps_what_every_environment_promises() -> None:
    report = check_environment(TextArenaEnvironment, client_cls=TextArenaEnv, steps=8, check_timeout_s=800)

    report.raise_if_failed(strict=True)


@pytest.mark.lengthy
def test_random_players_make_valid_moves_in_every_game_of_several() -> None:
    stuck, seen = set(), set()
    for name, facts in games().items():
        stem = name.partition("-v0")[0]
        if facts.fewest_players == 1 or stem in seen:
            continue
        seen.add(stem)
        match = Match(name, facts.fewest_players, 7)
        heard: dict[int, list[TextArenaMessage]] = {}
        for _ in range(2):
            player = match.current_player
            heard.setdefault(player, []).extend(match.read(player))
            if not match.is_over and match.say(random_move(match, heard[player])):
                stuck.add(stem)

    assert stuck <= STUCK


@pytest.mark.lengthy
def test_every_game_begins_and_takes_any_text() -> None:
    for name, facts in games().items():
        match = Match(name, facts.fewest_players, 7)
        for _ in range(3):
            player = match.current_player
            match.read(player)
            assert match.prompt_of(player), name
            if not match.is_over:
                match.say("[what is this]")
        assert all(isinstance(reward, float) for reward in match.rewards.values())
