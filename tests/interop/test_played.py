"""One program of clients, run on both packages against the servers of both: what a user sees is the same."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.timeout(300)

TOOLS = ["add", "fail", "remember", "shout"]

# The client's package and the server. The peer with itself shows that the programs are right to begin with.
PAIRS = [("peer", "peer"), ("peer", "ours"), ("ours", "peer"), ("ours", "ours")]
TOOL_PAIRS = [*PAIRS, ("peer", "fastmcp"), ("ours", "fastmcp")]


def named(pairs: list[tuple[str, str]]) -> list[Any]:
    return [pytest.param(pair, id=f"{pair[0]}-client-{pair[1]}-server") for pair in pairs]


@pytest.fixture
def played(request: pytest.FixtureRequest, pair: tuple[str, str]) -> dict[str, dict[str, Any]]:
    client, server = pair
    seen: dict[str, dict[str, dict[str, Any]]] = request.getfixturevalue(f"played_by_{client}")
    return seen[server]


def scenario(played: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    """Return what a scenario saw; fail with its traceback if it did not come to its end."""
    seen = dict(played[name])
    if "traceback" in seen:
        pytest.fail(f"{name} raised:\n{seen['traceback']}", pytrace=False)
    return seen


everywhere = pytest.mark.parametrize("pair", named(PAIRS))
with_tools = pytest.mark.parametrize("pair", named(TOOL_PAIRS))


@everywhere
def test_a_typed_client_plays_an_episode(played: dict[str, Any]) -> None:
    assert scenario(played, "counter/typed") == {
        "first": ["ready", {"seed": 7}, None, False],
        "second": ["up", 2, 2.0, False],
        "history": [{"text": "up", "amount": 2}, {"text": "top", "amount": 8}],
        "last": [10, 8.0, True],
        "state": {"episode_id": "first", "step_count": 2, "total": 10},
    }


@everywhere
def test_a_client_is_connected_and_closed_by_hand(played: dict[str, Any]) -> None:
    seen = scenario(played, "counter/connected_by_hand")
    assert seen["heard"] == "by hand"
    assert seen["base"].startswith("http://127.0.0.1:")


@everywhere
def test_a_synchronous_client_plays_an_episode(played: dict[str, Any]) -> None:
    assert scenario(played, "counter/synchronous") == {"first": "ready", "second": [3, 3.0], "state": ["sync", 1, 3]}


@everywhere
def test_a_generic_client_takes_and_gives_dicts(played: dict[str, Any]) -> None:
    assert scenario(played, "counter/generic") == {
        "first": ["ready", {"seed": 3}],
        "second": ["dict", 1.0, None],
        "third": [[{"text": "dict", "amount": 1}, {"text": "action", "amount": 4}], 4.0, False],
        "state": {"episode_id": "chosen here", "step_count": 2, "total": 5},
    }


@everywhere
def test_a_generic_client_works_synchronously(played: dict[str, Any]) -> None:
    assert scenario(played, "counter/generic_synchronous") == {"total": 5}


@everywhere
@pytest.mark.parametrize("mistake", ["unknown field", "missing field", "wrong type"])
def test_an_invalid_action_is_refused_and_the_episode_goes_on(played: dict[str, Any], mistake: str) -> None:
    seen = scenario(played, "counter/errors")
    assert seen[mistake][0] == "refused"
    assert seen["after"] == 2


@everywhere
def test_an_exception_of_the_environment_is_told_and_the_episode_goes_on(played: dict[str, Any]) -> None:
    seen = scenario(played, "counter/errors")
    assert "no room above 10" in seen["raised"][1]
    assert seen["after"] == 2


@everywhere
def test_clients_in_parallel_have_episodes_of_their_own(played: dict[str, Any]) -> None:
    assert scenario(played, "counter/parallel") == {"totals": [1, 2, 3, 4, 5, 6, 7, 8]}


@everywhere
def test_an_environment_that_never_calls_its_base_constructor_works(played: dict[str, Any]) -> None:
    assert scenario(played, "bare/bare") == {
        "first": "bare",
        "second": [2, 2],
        "state": {"episode_id": "bare", "step_count": 2},
    }


@everywhere
def test_overridden_coroutines_are_preferred(played: dict[str, Any]) -> None:
    assert scenario(played, "async/coroutines") == {"first": 4, "second": ["async", 5]}


@everywhere
def test_a_constructor_that_raises_fails_the_client(played: dict[str, Any]) -> None:
    assert scenario(played, "broken/broken")["raised"] is not None


@everywhere
def test_a_factory_may_stand_in_the_place_of_a_class(played: dict[str, Any]) -> None:
    assert scenario(played, "made/generic_synchronous") == {"total": 5}


@everywhere
def test_a_published_project_works(played: dict[str, Any]) -> None:
    seen = scenario(played, "published/published")
    off = seen.pop("off")
    assert off[0] == "refused"
    assert "down leads off the grid from [1, 0]" in off[1]
    assert seen == {
        "first": [[0, 0], "seed 2", {"left": False, "right": True, "up": True, "down": False}],
        "second": [[1, 0], -0.1, False],
        "third": [[1, 1], 1.0, True],
        "state": [[1, 1], 2],
    }


@everywhere
def test_code_by_the_older_names_works(played: dict[str, Any]) -> None:
    assert scenario(played, "older/older") == {"first": "ready", "second": ["cba", 3], "state": 1}


@with_tools
def test_tools_are_listed(played: dict[str, Any]) -> None:
    seen = scenario(played, "tools/tools")
    assert seen["names"] == TOOLS
    assert seen["add"] == ["Add two numbers.", ["a", "b"]]
    assert seen["has"] == [True, False]


@with_tools
def test_tools_are_called(played: dict[str, Any]) -> None:
    seen = scenario(played, "tools/tools")
    assert seen["sum"] == [5, 3]
    assert seen["shout"] == "HEY"


@with_tools
def test_tools_called_on_one_client_share_a_session(played: dict[str, Any]) -> None:
    seen = scenario(played, "tools/tools")
    assert seen["kept"] == [{"kept": ["a"]}, {"kept": ["a", "b"]}]


@with_tools
@pytest.mark.parametrize(("call", "told"), [("failed", "too far: x"), ("unknown", "whisper"), ("wrong", "integer")])
def test_a_tool_call_that_fails_says_why(played: dict[str, Any], call: str, told: str) -> None:
    seen = scenario(played, "tools/tools")
    outcome, message = seen[call]
    assert outcome == "refused"
    assert told in message


@with_tools
def test_a_tool_client_resets_and_asks_for_the_state(played: dict[str, Any]) -> None:
    seen = scenario(played, "tools/tools")
    assert [seen["reset"], seen["state"]] == [[0.0, False], "tools"]


@with_tools
def test_a_tool_client_works_synchronously(played: dict[str, Any]) -> None:
    assert scenario(played, "tools/tools_synchronous") == {"names": TOOLS, "sum": 2}


@with_tools
def test_tools_are_used_by_steps(played: dict[str, Any]) -> None:
    seen = scenario(played, "tools/tool_steps")
    failed = seen.pop("failed")
    assert failed[0] == "execution_error"
    assert "too far: x" in failed[1]
    assert seen == {
        "types": ["ListToolsObservation", "CallToolObservation"],
        "names": TOOLS,
        "called": ["remember", None],
        "missing": "tool_not_found",
        "shared": {"kept": ["a", "b"]},
    }


@with_tools
def test_tools_are_used_by_dicts_before_any_reset(played: dict[str, Any]) -> None:
    assert scenario(played, "tools/tool_dicts") == {"names": TOOLS, "called": "add", "error": None}
