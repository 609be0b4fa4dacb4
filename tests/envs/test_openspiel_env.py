"""The OpenSpiel environment: its games, its opponents and its rewards, as clients meet them."""

from __future__ import annotations

import builtins
import itertools
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

import numpy as np
import pyspiel  # type: ignore[import-not-found]  # it is compiled, and has no stubs
import pytest

from openenv import SyncEnvClient
from openenv.core.client_types import StepResult
from openenv.core.exceptions import ConfigurationError, EnvironmentExecutionError, InvalidRequestError
from openenv.testing import check_environment, check_project, serve
from openspiel_env import OpenSpielAction, OpenSpielEnv, OpenSpielObservation, OpenSpielState
from openspiel_env.models import OpponentPolicy
from openspiel_env.server.deals import best_over_deals
from openspiel_env.server.games import game_names
from openspiel_env.server.openspiel_environment import OpenSpielEnvironment
from openspiel_env.server.parameters import RANGES
from openspiel_env.server.settings import OpenSpielSettings
from openspiel_env.server.solution import solution_of
from tests.docs.pages import ROOT, blocks_of, promised_lines, run_python

PROJECT = ROOT / "envs" / "openspiel_env"
Player: TypeAlias = SyncEnvClient[OpenSpielAction, OpenSpielObservation, OpenSpielState]
Result: TypeAlias = StepResult[OpenSpielObservation]
WELL_KNOWN = [
    "tic_tac_toe",
    "connect_four",
    "kuhn_poker",
    "leduc_poker",
    "blackjack",
    "catch",
    "cliff_walking",
    "2048",
    "othello",
    "hex",
    "backgammon",
    "goofspiel",
    "hearts",
]


def playing(settings: OpenSpielSettings | None = None) -> AbstractContextManager[Player]:
    """Return a client of an environment in this process, entered by `with`."""
    return OpenSpielEnv.from_environment(lambda: OpenSpielEnvironment(settings)).sync()


@pytest.fixture
def env() -> Iterator[Player]:
    with playing() as client:
        yield client


def act(env: Player, *actions: int | str) -> Result:
    """Return what came of the last of some actions."""
    asked = [
        OpenSpielAction(action=each) if isinstance(each, str) else OpenSpielAction(action_id=each) for each in actions
    ]
    return [env.step(each) for each in asked][-1]


def play_out(env: Player, seed: int, most: int = 1000, **arguments: Any) -> list[Result]:
    """Return the results of a game in which the agent plays at random."""
    chance = random.Random(seed)
    results: list[Result] = [env.reset(seed=seed, **arguments)]
    while not results[-1].done and len(results) <= most:
        results.append(act(env, chance.choice(results[-1].observation.legal_actions)))
    return results


def shown(result: Result) -> tuple[Any, ...]:
    """Return what is seen in a result, to compare."""
    seen = result.observation
    arrays = (seen.info_state.tobytes(), np.asarray(seen.observation_tensor, np.float32).tobytes())
    return (seen.legal_actions, seen.observation_string, seen.opponent_actions, seen.returns, result.reward, *arrays)


@pytest.mark.parametrize("name", ["bridge_uncontested_bidding", "negotiation", "stones_and_gems", "tarok"])
def test_a_seed_makes_the_same_game_where_the_game_itself_draws(env: Player, name: str) -> None:
    first, again, other = (play_out(env, seed, 20, game_name=name) for seed in (3, 3, 4))

    assert [shown(each) for each in first] == [shown(each) for each in again]
    assert [shown(each) for each in first] != [shown(each) for each in other]


def test_a_game_begins_as_openspiels_own(env: Player) -> None:
    result = env.reset(game_name="tic_tac_toe")
    state = pyspiel.load_game("tic_tac_toe").new_initial_state()
    seen = result.observation

    assert (seen.game_phase, seen.current_player_id, result.reward, result.done) == ("initial", 0, None, False)
    assert seen.legal_actions == state.legal_actions()
    assert seen.legal_action_texts == [state.action_to_string(0, each) for each in seen.legal_actions]
    assert seen.observation_string == str(state)
    assert (seen.observation_tensor.shape, seen.observation_tensor.dtype) == ((3, 3, 3), np.float32)
    np.testing.assert_array_equal(seen.observation_tensor.ravel(), state.observation_tensor(0))
    # It tells no more than what is seen.
    np.testing.assert_array_equal(seen.info_state, seen.observation_tensor.ravel())


def test_what_a_player_knows_may_be_more_than_what_it_sees(env: Player) -> None:
    seen = env.reset(seed=1, game_name="leduc_poker").observation

    assert seen.info_state.shape == tuple(env.state().info_state_shape) != seen.observation_tensor.shape
    assert "[Round1: ]" in seen.information_state_string
    assert "[Ante: " in seen.observation_string


@pytest.mark.parametrize("name", WELL_KNOWN)
def test_rewards_sum_up_to_the_return_and_a_seed_makes_the_same_game(env: Player, name: str) -> None:
    first, again, other = (play_out(env, seed, game_name=name) for seed in (3, 3, 4))

    assert [shown(each) for each in first] == [shown(each) for each in again]
    last = first[-1].observation
    assert (last.done, last.game_phase, last.current_player_id, last.legal_actions) == (True, "terminal", -4, [])
    assert sum(each.reward or 0.0 for each in first) == pytest.approx(last.returns[0])
    if name != "cliff_walking":
        assert [shown(each) for each in first] != [shown(each) for each in other]


@pytest.mark.parametrize("action", ["x(1,1)", " X(1,1) ", "4", 4])
def test_actions_are_read_by_number_and_by_text(env: Player, action: int | str) -> None:
    env.reset(seed=1, game_name="tic_tac_toe")

    assert act(env, action).observation.observation_string.split()[1][1] == "x"


@pytest.mark.parametrize("action", ["x(9,9)", "9", 9, 10**12, "o(0,0)", "², one"])
def test_an_action_that_is_not_legal_changes_nothing(env: Player, action: int | str) -> None:
    before = env.reset(seed=1, game_name="tic_tac_toe").observation
    result = act(env, action)

    assert (result.reward, result.done, result.observation.legal_actions) == (0.0, False, before.legal_actions)
    assert str(action) in result.observation.error
    assert env.state().illegal_actions == 1
    assert act(env, 4).observation.error == ""


def test_either_the_number_or_the_text_is_to_be_given(env: Player) -> None:
    env.reset(game_name="tic_tac_toe")
    for wrong in (OpenSpielAction(), OpenSpielAction(action_id=4, action="x(1,1)")):
        assert "either action_id or action" in env.step(wrong).observation.error


@pytest.mark.parametrize(("seat", "returns"), [(0, [-1.0, 1.0]), (1, [1.0, -1.0]), ("both", [-1.0, 1.0])])
def test_the_tenth_illegal_action_forfeits_the_game(env: Player, seat: int | str, returns: list[float]) -> None:
    env.reset(seed=1, game_name="tic_tac_toe", agent_player=seat)
    assert act(env, *["nonsense"] * 9).reward == 0.0
    last = act(env, "nonsense")

    assert (last.reward, last.done, last.observation.returns) == (-1.0, True, returns)
    assert last.observation.legal_actions == []
    with pytest.raises(EnvironmentExecutionError, match="the game is over"):
        act(env, 4)
    assert env.reset().observation.error == ""


def test_both_sides_may_be_played(env: Player) -> None:
    env.reset(game_name="tic_tac_toe", agent_player="both")
    seen = [act(env, each) for each in (0, 3, 1, 4)]
    assert [each.observation.current_player_id for each in seen] == [1, 0, 1, 0]
    last = act(env, 2)

    assert (last.reward, last.observation.returns, last.observation.opponent_actions) == (1.0, [1.0, -1.0], [])


def test_the_agent_may_be_the_second_player(env: Player) -> None:
    first = env.reset(seed=1, game_name="tic_tac_toe", agent_player=1, opponent_policy="first").observation

    assert (first.opponent_last_action, first.opponent_actions) == (0, ["x(0,0)"])
    assert (first.current_player_id, first.game_phase) == (1, "initial")


def test_several_opponents_play_between(env: Player) -> None:
    results = play_out(env, 2, game_name="kuhn_poker", game_params={"players": 4}, agent_player=2)

    assert env.state().num_players == len(results[-1].observation.returns) == 4


@pytest.mark.parametrize("name", ["kuhn_poker", "phantom_ttt", "goofspiel"])
def test_what_a_game_may_hide_is_not_told(env: Player, name: str) -> None:
    results = play_out(env, 1, game_name=name, agent_player=1)

    assert all(each.observation.opponent_actions == [] for each in results)
    assert all(each.observation.opponent_last_action is None for each in results)


@pytest.mark.parametrize(("policy", "action"), [("first", "o(0,0)"), ("last", "o(2,2)")])
def test_fixed_opponents_take_what_is_at_the_end(env: Player, policy: OpponentPolicy, action: str) -> None:
    env.reset(game_name="tic_tac_toe", opponent_policy=policy)

    assert act(env, 4).observation.opponent_actions == [action]


def test_minimax_never_loses(env: Player) -> None:
    for seed in range(6):
        last = play_out(env, seed, game_name="tic_tac_toe", opponent_policy="minimax", agent_player=seed % 2)[-1]
        assert last.observation.returns[seed % 2] <= 0.0


def test_a_solved_game_is_worth_what_it_is() -> None:
    solution = solution_of(pyspiel.load_game("tic_tac_toe"))
    assert solution is not None
    state = pyspiel.load_game("tic_tac_toe").new_initial_state()
    assert solution.best_actions(state) == list(range(9))
    # x x . / o o .
    for action in (0, 3, 1, 4):
        state.apply_action(action)
    assert solution.best_actions(state) == [2]


@pytest.mark.parametrize("name", ["kuhn_poker", "2048", "chess", "matrix_pd"])
def test_games_that_minimax_cannot_play_are_refused(env: Player, name: str) -> None:
    arguments: dict[str, Any] = {"game_name": name, "opponent_policy": "minimax"}
    if name == "2048":
        # Nobody plays against the agent.
        assert not env.reset(**arguments).done
        return
    with pytest.raises(InvalidRequestError, match="minimax takes a small game"):
        env.reset(**arguments)


@pytest.mark.parametrize("name", ["tic_tac_toe", "connect_four", "leduc_poker", "hex", "pig"])
def test_tree_search_plays_the_same_for_a_seed(env: Player, name: str) -> None:
    games = [
        play_out(env, 1, 12, game_name=name, opponent_policy="mcts", simulations=20, agent_player=1) for _ in range(2)
    ]

    assert [shown(each) for each in games[0]] == [shown(each) for each in games[1]]


@pytest.mark.parametrize(("card", "action"), [(2, 1), (0, 0)])
def test_deals_that_may_be_tell_whether_to_call(card: int, action: int) -> None:
    state = pyspiel.load_game("kuhn_poker").new_initial_state()
    # The first player has the middle card, and bets.
    for each in (1, card, 1):
        state.apply_action(each)
    before = str(state)

    assert {best_over_deals(state, random.Random(seed), 40) for seed in range(5)} == {action}
    assert str(state) == before


def test_tree_search_takes_what_wins(env: Player) -> None:
    env.reset(seed=1, game_name="connect_four", opponent_policy="mcts", simulations=300, agent_player=0)
    last = act(env, 0)
    while not last.done:
        # The agent never looks.
        last = act(env, last.observation.legal_actions[0])

    assert last.observation.returns == [-1.0, 1.0]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"game_name": "chess2"}, "expected a game, got 'chess2'. There are: 2048, "),
        ({"game_name": "tic_tac_toe()"}, "expected a game"),
        ({"game_name": "efg_game"}, "expected a game"),
        ({"game_name": "hex", "agent_player": 2}, "expected a number from 0 to 1, or both"),
        ({"game_name": "hex", "agent_player": "all"}, "agent_player"),
        ({"game_name": "hex", "opponent_policy": "alphazero"}, "opponent_policy"),
        ({"game_name": "hex", "simulations": 10**6}, "simulations"),
        ({"game_name": "hex", "game_params": {"board_size": 10**6}}, "expected a number from 2 to 19 as board_size"),
        ({"game_name": "hex", "game_params": {"board_size": True}}, "expected a number from 2 to 19"),
        ({"game_name": "hex", "game_params": {"board_size": "9"}}, "expected a number from 2 to 19"),
        ({"game_name": "go", "game_params": {"komi": float("nan")}}, "expected a number from -20 to 20 as komi"),
        ({"game_name": "hex", "game_params": {"swap": 1}}, "expected true or false as swap"),
        ({"game_name": "hex", "game_params": {"string_rep": "x"}}, "got 'string_rep'"),
        ({"game_name": "bargaining", "game_params": {"instances_file": "/etc/passwd"}}, "expected as game_params"),
        ({"game_name": "gin_rummy", "opponent_policy": "mcts"}, "mcts cannot play"),
        ({"game_name": "goofspiel", "opponent_policy": "mcts"}, "mcts cannot play"),
    ],
    ids=str,
)
def test_resets_that_cannot_be_are_refused_and_the_game_goes_on(
    env: Player, arguments: dict[str, Any], reason: str
) -> None:
    env.reset(episode_id="kept", game_name="tic_tac_toe")
    with pytest.raises(InvalidRequestError, match=reason):
        env.reset(**arguments)

    assert env.state().episode_id == "kept"
    assert act(env, 4).observation.error == ""


def test_whole_numbers_are_taken_where_openspiel_wants_others(env: Player) -> None:
    env.reset(game_name="go", game_params={"board_size": 5, "komi": 3})

    assert env.state().game_params == {"board_size": 5, "komi": 3.0}


def test_the_server_says_what_is_played_by_default() -> None:
    environ = {
        "OPENSPIEL_GAME": "nim",
        "OPENSPIEL_GAME_PARAMS": '{"pile_sizes": "1;2"}',
        "OPENSPIEL_AGENT_PLAYER": "1",
        "OPENSPIEL_OPPONENT_POLICY": "minimax",
    }
    with playing(OpenSpielSettings.from_environ(environ)) as env:
        assert env.reset().observation.opponent_actions
        state = env.state()
        assert (state.game_name, state.game_params) == ("nim", {"pile_sizes": "1;2"})
        assert (state.agent_player, state.opponent_policy) == (1, "minimax")
        # Where there is no second player, the seat is not meant.
        env.reset(game_name="catch")
        assert (env.state().agent_player, env.state().game_params) == (0, {})


@pytest.mark.parametrize(
    "environ",
    [
        {"OPENSPIEL_GAME": "nonsense"},
        {"OPENSPIEL_GAME_PARAMS": "{"},
        {"OPENSPIEL_GAME_PARAMS": '{"rows": null}'},
        {"OPENSPIEL_AGENT_PLAYER": "x"},
        {"OPENSPIEL_OPPONENT_POLICY": "strong"},
    ],
    ids=str,
)
def test_settings_that_cannot_work_are_told(environ: dict[str, str]) -> None:
    with pytest.raises((ConfigurationError, InvalidRequestError)):
        OpenSpielEnvironment(OpenSpielSettings.from_environ(environ))


def test_what_clients_of_other_releases_send_is_taken() -> None:
    with playing() as env:
        env.reset(seed=1)
        old: Any = {"action_id": 1, "game_name": "tic_tac_toe", "game_params": {}}
        assert env.step(old).observation.error == ""
        assert env.state().game_name == "catch"


def test_the_readme_does_what_it_says() -> None:
    blocks = [block for block in blocks_of(PROJECT / "README.md") if block.language == "python"]
    with serve(OpenSpielEnvironment) as server:
        for block in blocks:
            assert run_python(block, server.base_url, {"__builtins__": builtins})[0] == promised_lines(block)
    assert len(blocks) == 2


@pytest.mark.parametrize(
    ("settings", "actions"),
    [
        (OpenSpielSettings(), [{"action_id": 0}, {"action_id": 2}]),
        (OpenSpielSettings("tic_tac_toe", opponent_policy="mcts"), [{"action_id": each} for each in range(9)]),
        (OpenSpielSettings("tic_tac_toe", agent_player="both"), None),
    ],
    ids=["catch", "tic_tac_toe", "random actions"],
)
def test_it_keeps_what_every_environment_promises(
    settings: OpenSpielSettings, actions: list[Mapping[str, Any]] | None
) -> None:
    made: Callable[[], OpenSpielEnvironment] = lambda: OpenSpielEnvironment(settings)  # noqa: E731
    report = check_environment(
        made,
        OpenSpielAction,
        OpenSpielObservation,
        state_cls=OpenSpielState,
        client_cls=OpenSpielEnv,
        level="contract",
        steps=8,
        actions=actions,
    )

    report.raise_if_failed(strict=True)


@pytest.mark.lengthy
def test_it_keeps_what_many_sessions_expect() -> None:
    report = check_environment(
        OpenSpielEnvironment, steps=12, actions=[{"action_id": each} for each in range(3)], check_timeout_s=300
    )

    report.raise_if_failed(strict=True)


@pytest.mark.lengthy
def test_every_game_is_played() -> None:
    # Its deals are worth what they are after a thousand others.
    names = set(game_names()) - {"bridge_uncontested_bidding"}
    with playing() as env:
        for name in sorted(names):
            last = play_out(env, 1, most=30, game_name=name)[-1].observation
            assert last.done or all(last.legal_action_texts), name
            assert np.isfinite(last.returns).all(), name

    assert len(names) > 80


@pytest.mark.lengthy
def test_the_ends_of_all_ranges_can_be_played() -> None:
    with playing() as env:
        # Older releases have fewer of the games.
        for name, ranges in ((each, RANGES[each]) for each in RANGES if each in game_names()):
            for ends in itertools.product(*({low, high} for low, high in ranges.values())):
                params = dict(zip(ranges, ends, strict=True))
                play_out(env, 1, most=10, game_name=name, game_params=params)


def test_its_project_is_whole() -> None:
    check_project(PROJECT, level="static").raise_if_failed(strict=True)
