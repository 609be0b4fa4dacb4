"""The chess environment: its rules, its opponents and its rewards, as clients meet them."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from typing import TypeAlias
from xml.etree import ElementTree

import chess
import chess.pgn
import pytest

from chess_env import ChessAction, ChessEnv, ChessObservation, ChessState
from chess_env.models import Color, OpponentName
from chess_env.server.chess_environment import ChessEnvironment
from chess_env.server.evaluation import evaluate
from chess_env.server.opponents import negamax_move
from openenv import SyncEnvClient
from openenv.core.client_types import StepResult
from openenv.core.exceptions import EnvironmentExecutionError, InvalidRequestError
from openenv.testing import check_environment, check_project, serve
from tests.docs.pages import ROOT, blocks_of, promised_lines, run_python

PROJECT = ROOT / "envs" / "chess_env"
Player: TypeAlias = SyncEnvClient[ChessAction, ChessObservation, ChessState]


@pytest.fixture
def env() -> Iterator[Player]:
    with ChessEnv.from_environment(ChessEnvironment).sync() as client:
        yield client


def play(env: Player, *moves: str) -> StepResult[ChessObservation]:
    """Return what came of the last of some moves."""
    results: list[StepResult[ChessObservation]] = [env.step(ChessAction(move=move)) for move in moves]
    return results[-1]


def play_first_moves(env: Player, steps: int) -> list[str]:
    """Return the positions of a game in which the agent always takes the first legal move."""
    positions: list[str] = []
    result = env.step(ChessAction(move="a2a3"))
    while not result.done and len(positions) < steps:
        positions.append(result.observation.fen)
        result = env.step(ChessAction(move=result.observation.legal_moves[0]))
    return positions


def test_a_game_begins_as_games_do(env: Player) -> None:
    result = env.reset()

    assert result.observation.fen == chess.STARTING_FEN
    assert sorted(result.observation.legal_moves) == sorted(move.uci() for move in chess.Board().legal_moves)
    assert (result.observation.color, result.observation.reply, result.done) == ("white", "", False)


@pytest.mark.parametrize(
    ("fen", "uci", "san"),
    [
        (chess.STARTING_FEN, "g1f3", "Nf3"),
        ("4k3/8/8/8/8/8/8/4K2R w K - 0 1", "e1g1", "O-O"),
        ("8/P3k3/8/8/8/8/8/4K3 w - - 0 1", "a7a8n", "a8=N"),
        ("4k3/8/8/3pP3/8/8/8/4K3 w - d6 0 1", "e5d6", "exd6"),
    ],
)
def test_moves_are_read_in_both_notations(env: Player, fen: str, uci: str, san: str) -> None:
    for move in (uci, san, f" {san} "):
        env.reset(seed=1, fen=fen)
        assert play(env, move).observation.error == ""
        assert env.state().moves[0] == uci


@pytest.mark.parametrize("move", ["e2e5", "e9", "", "0000", "--", "Qh5", "O-O", "e7e5"])
def test_a_move_that_is_not_legal_costs_a_tenth_and_changes_nothing(env: Player, move: str) -> None:
    env.reset()
    result = play(env, move)

    assert (result.reward, result.done, result.observation.fen) == (-0.1, False, chess.STARTING_FEN)
    assert repr(move) in result.observation.error
    assert env.state().illegal_moves == 1
    assert play(env, "e4").reward == 0.0


def test_an_ambiguous_move_is_said_to_be_one(env: Player) -> None:
    env.reset(fen="4k3/8/8/8/8/8/4K3/R6R w - - 0 1")

    assert "several" in play(env, "Rd1").observation.error


def test_the_tenth_illegal_move_loses(env: Player) -> None:
    env.reset()
    assert play(env, *["e9"] * 9).reward == -0.1
    last = play(env, "e9")

    assert (last.reward, last.done, last.observation.outcome) == (-1.0, True, "loss")
    assert (last.observation.result, last.observation.termination) == ("0-1", "illegal_moves")
    assert '[Termination "illegal moves"]' in env.call_tool("pgn")


@pytest.mark.parametrize(
    ("fen", "move", "reward", "result", "termination"),
    [
        ("6k1/5ppp/8/8/8/8/8/R3K3 w - - 0 1", "Ra8#", 1.0, "1-0", "checkmate"),
        ("r3k3/8/8/8/8/8/5PPP/6K1 b - - 0 1", "Ra1", 1.0, "0-1", "checkmate"),
        ("7k/8/5KQ1/8/8/8/8/8 w - - 0 1", "Qf7", 0.0, "1/2-1/2", "stalemate"),
        ("8/8/8/8/8/2k5/1p6/K7 w - - 0 1", "Ka2", 0.0, "*", ""),
        ("8/8/8/8/8/3k4/1p6/1K6 w - - 0 1", "Kxb2", 0.0, "1/2-1/2", "insufficient_material"),
        ("7k/8/8/8/8/8/8/R3K3 w - - 99 80", "Ra2", 0.0, "1/2-1/2", "fifty_moves"),
    ],
)
def test_games_end_by_the_rules(env: Player, fen: str, move: str, reward: float, result: str, termination: str) -> None:
    env.reset(seed=0, fen=fen)
    last = play(env, move)

    assert last.reward == reward
    if termination:
        assert (last.done, last.observation.result, last.observation.termination) == (True, result, termination)
        assert last.observation.legal_moves == []
    else:
        assert not last.done


def test_a_position_that_comes_three_times_is_a_draw(env: Player) -> None:
    # Black's king has h8 to come back to, and h7 to go to.
    env.reset(fen="7k/5K2/R7/8/8/8/8/8 b - - 0 1", color="white")
    assert not play(env, "Rb6", "Ra6", "Rb6").done
    last = play(env, "Ra6")

    assert (last.reward, last.observation.outcome) == (0.0, "draw")
    assert last.observation.termination == "threefold_repetition"


def test_the_opponent_can_win(env: Player) -> None:
    env.reset(opponent="negamax", fen="7k/8/8/8/8/r7/1r6/6K1 b - - 0 1", color="white")
    state = env.state()
    assert chess.Board(state.fen).is_checkmate()
    with pytest.raises(EnvironmentExecutionError, match="the game is over"):
        play(env, "Kf1")

    assert env.reset().observation.outcome == ""


@pytest.mark.parametrize("opponent", ["random", "negamax"])
def test_a_seed_makes_the_opponent_play_the_same(env: Player, opponent: OpponentName) -> None:
    games = []
    for seed in (5, 5, 6):
        env.reset(seed=seed, opponent=opponent)
        games.append(play_first_moves(env, 6))

    assert games[0] == games[1] != games[2]


@pytest.mark.parametrize("color", ["white", "black"])
def test_both_sides_can_be_played(env: Player, color: Color) -> None:
    result = env.reset(seed=1, color=color)

    assert (result.observation.color, bool(result.observation.reply)) == (color, color == "black")
    assert chess.Board(result.observation.fen).turn == (color == "white")


@pytest.mark.parametrize(
    ("fen", "reason"),
    [
        ("nonsense", "Forsyth"),
        ("8/8/8/8/8/8/8/8 w - - 0 1", "rules allow"),
        ("R5k1/5ppp/8/8/8/8/8/4K3 b - - 0 1", "checkmate"),
    ],
)
def test_positions_that_cannot_be_played_are_refused(env: Player, fen: str, reason: str) -> None:
    env.reset(episode_id="kept")
    with pytest.raises(EnvironmentExecutionError, match=reason):
        env.reset(fen=fen)

    assert env.state().episode_id == "kept"


def test_arguments_that_no_game_has_are_refused(env: Player) -> None:
    for wrong in ({"opponent": "stockfish"}, {"color": "red"}):
        with pytest.raises(InvalidRequestError, match=next(iter(wrong))):
            env.reset(**wrong)


def test_the_pgn_is_the_game(env: Player) -> None:
    env.reset(seed=3, color="black")
    play(env, "e5", "Nc6")
    game = chess.pgn.read_game(io.StringIO(env.call_tool("pgn")))

    assert game is not None
    assert not game.errors
    assert (game.headers["White"], game.headers["Black"], game.headers["Result"]) == ("random", "agent", "*")
    assert [move.uci() for move in game.mainline_moves()] == env.state().moves


def test_the_picture_shows_every_piece(env: Player) -> None:
    env.reset(fen="4k3/8/8/8/8/8/4P3/4K3 w - - 0 1")
    picture = ElementTree.fromstring(env.call_tool("board_svg"))  # noqa: S314

    assert picture.tag.endswith("svg")
    used = [use.get("{http://www.w3.org/1999/xlink}href") for use in picture.iter("{http://www.w3.org/2000/svg}use")]
    assert sorted(name for name in used if name) == ["#black-king", "#white-king", "#white-pawn"]


def test_what_a_position_is_worth_is_the_same_for_both_sides() -> None:
    board = chess.Board()
    chance = random.Random(4)
    for _ in range(40):
        assert evaluate(board) == evaluate(board.mirror())
        board.push(chance.choice(list(board.legal_moves)))
    assert evaluate(chess.Board("4k3/8/8/8/8/8/8/Q3K3 w - - 0 1")) > 800


@pytest.mark.parametrize(
    ("fen", "best"),
    [
        ("6k1/5ppp/8/8/8/8/8/R3K3 w - - 0 1", "a1a8"),
        ("4k3/8/8/3q4/4P3/8/8/4K3 w - - 0 1", "e4d5"),
        ("4k3/8/2p5/3p4/8/8/8/3QK3 w - - 0 1", None),
    ],
)
def test_negamax_mates_takes_what_hangs_and_leaves_what_is_guarded(fen: str, best: str | None) -> None:
    board = chess.Board(fen)
    move = negamax_move(board, random.Random(0))

    assert board.fen() == fen
    assert move.uci() == best if best else not board.is_capture(move)


def test_the_readme_does_what_it_says() -> None:
    [block] = [block for block in blocks_of(PROJECT / "README.md") if block.language == "python"]
    with serve(ChessEnvironment) as server:
        printed, names = run_python(block, server.base_url, {})

    assert printed == promised_lines(block)
    assert names["picture"].startswith("<svg")


def test_it_keeps_what_every_environment_promises() -> None:
    report = check_environment(ChessEnvironment, client_cls=ChessEnv, level="contract", steps=8, check_timeout_s=300)

    report.raise_if_failed(strict=True)


def test_its_project_is_whole() -> None:
    check_project(PROJECT, level="static").raise_if_failed(strict=True)


@pytest.mark.lengthy
def test_negamax_beats_a_random_player() -> None:
    with ChessEnv.from_environment(ChessEnvironment).sync() as env:
        outcomes = []
        for seed in range(10):
            chance = random.Random(seed)
            result = env.reset(seed=seed, opponent="negamax")
            while not result.done:
                result = env.step(ChessAction(move=chance.choice(result.observation.legal_moves)))
            outcomes.append(result.observation.outcome)

    assert outcomes.count("win") == 0
    assert outcomes.count("loss") >= 7
