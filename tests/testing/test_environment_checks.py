"""The checks of environments: passed by a good one, and each of them failed by a fault that is planted."""

from __future__ import annotations

import json
import random
import re
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from openenv import Environment, create_app
from openenv.core.env_server.environment_spec import EnvironmentSpec
from openenv.core.env_server.mcp_types import CallToolAction, CallToolObservation
from openenv.core.exceptions import ConfigurationError, ConformanceError, ConnectError, MissingExtraError
from openenv.testing import Level, Severity, check_environment, check_server, serve
from openenv.testing._environment_check import Check, make
from openenv.testing._environment_subject import LocalSubject, Plan
from openenv.testing._live_checks import LIVE_CHECKS
from tests.core.fastmcp_import import import_fastmcp
from tests.testing import walk_faults as faults
from tests.testing.other_environments import Asynchronous, Choosy, EndsAtOnce, OneThread, ToolsAlone
from tests.testing.walk_environment import Place, TaskedWalk, Walk, WalkAction, WalkClient, WalkObservation

pytestmark = pytest.mark.lengthy

STEPS = 6

# -- a good one


def test_a_good_environment_passes_every_check() -> None:
    told: list[str] = []

    report = check_environment(TaskedWalk, client_cls=WalkClient, on_check=told.append)

    report.raise_if_failed(strict=True)
    assert report.passed
    assert told == [result.name for result in report.results] == [check.name for check in LIVE_CHECKS]
    assert [result.name for result in report.results if result.left_out] == [
        "the_server_answers",
        "the_event_loop_goes_on",
    ]
    assert str(report) == f"TaskedWalk passes all of {len(LIVE_CHECKS) - 2} checks"
    assert repr(report) == f"<EnvironmentReport: {report}>"


def test_a_good_server_passes_what_the_wire_shows() -> None:
    with serve(TaskedWalk) as server:
        report = check_server(server.base_url, steps=STEPS)

    report.raise_if_failed(strict=True)
    assert [result.name for result in report.results if result.left_out] == [
        "it_can_be_made",
        "observations_survive_json",
        "the_client_reads_every_answer",
        "the_event_loop_goes_on",
        "the_process_stays_as_it_is",
        "another_process_plays_the_same",
        "close_comes_at_any_time",
        "close_gives_everything_back",
        "episodes_give_everything_back",
        "memory_stays_bounded",
    ]


@pytest.mark.parametrize("env", [Asynchronous, Choosy, EndsAtOnce, OneThread, ToolsAlone])
def test_good_environments_of_other_kinds_pass_every_check(env: type[Environment[Any, Any, Any]]) -> None:
    told: dict[str, Any] = {}
    if env is ToolsAlone:
        import_fastmcp()
        told = {"action_cls": CallToolAction, "observation_cls": CallToolObservation, "level": "contract"}
        # It has no end, and calls take their time.
        told["skip"] = ["a_reset_follows_the_end", "steps_after_the_end_do_no_harm"]

    report = check_environment(env, steps=STEPS, **told)

    report.raise_if_failed(strict=True)


def test_what_is_needed_and_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)

    with pytest.raises(MissingExtraError, match=re.escape("pip install 'openenv-core[testing]'")):
        check_environment(Walk)


def test_one_seed_gives_one_report() -> None:
    reports = [
        check_environment(Walk, level="contract", steps=STEPS, seed=7, skip=["it_can_be_made"]) for _ in range(2)
    ]

    findings = [[(result.name, result.findings, result.left_out) for result in report.results] for report in reports]
    assert findings[0] == findings[1]
    assert {result.level for result in reports[0].results} == {Level.CONTRACT}


def test_actions_of_ones_own_are_played_in_turn() -> None:
    played: list[int] = []

    class Noting(Walk):
        def step(self, action: WalkAction, timeout_s: float | None = None) -> WalkObservation:
            played.append(action.steps)
            return super().step(action)

    given: list[dict[str, int] | WalkAction] = [{"steps": 1}, WalkAction(steps=2)]
    check_environment(Noting, checks=["valid_actions_are_answered"], actions=given, steps=3).raise_if_failed()

    assert played == [1, 2, 1, 2, 1, 2, 1, 2, 1]


# -- planted faults


Fault = tuple[Callable[..., Any], str, str, dict[str, Any]]


def fault(env: Callable[..., Any], name: str, seen: str, **arguments: Any) -> Fault:
    return env, name, seen, arguments


OF_WALKS = {"action_cls": WalkAction, "observation_cls": WalkObservation, "state_cls": Place}
FAULTS = [
    fault(faults.the_same_one, "it_can_be_made", "the same instance", **OF_WALKS),
    fault(faults.no_environment, "it_can_be_made", "gives a NoEnvironment", **OF_WALKS),
    fault(faults.Unmade, "it_can_be_made", 'OSError: no disk (File "'),
    fault(faults.Nameless, "it_describes_itself", "no description"),
    fault(faults.Undocumented, "it_describes_itself", "no docstring"),
    fault(Walk, "schemas_are_valid", "'whole number'", action_cls=faults.Shapeless),
    fault(Walk, "fields_are_described", "'steps' has no description", action_cls=faults.Undescribed),
    fault(faults.DoneAtOnce, "reset_begins_an_episode", "says that it is done"),
    fault(faults.Unstarting, "reset_begins_an_episode", "RuntimeError: the disk is full"),
    fault(faults.Anonymous, "reset_names_the_episode", "episode_id is None"),
    fault(faults.Swallowing, "reset_refuses_unknown_arguments", "was taken for a good one"),
    fault(faults.Raising, "valid_actions_are_answered", "ValueError: cannot walk backwards (File "),
    fault(Walk, "valid_actions_are_answered", "no action that the schema describes is taken", action_cls=faults.Picky),
    fault(faults.Widening, "observations_match_their_schema", "'height' was unexpected"),
    fault(faults.SeldomWide, "observations_match_their_schema", "'height' was unexpected"),
    fault(Walk, "observations_survive_json", "reads and writes as", observation_cls=faults.Growing),
    fault(faults.Costly, "rewards_are_finite_numbers", "the reward nan"),
    fault(faults.Elsewhere, "state_matches_its_schema", "'here' is not of type 'integer'"),
    fault(faults.Restless, "state_is_only_read", "read twice"),
    fault(faults.Uncounted, "steps_are_counted", "after 1 steps, the state's step_count is 0"),
    fault(Walk, "invalid_actions_are_refused", "with a field that there is not", action_cls=faults.Careless),
    fault(faults.Marked, "refusals_do_no_harm", "after a refused action", action_cls=faults.Touchy),
    fault(faults.Lingering, "a_reset_in_the_middle_begins_anew", "at a reset in the middle"),
    fault(faults.Finished, "a_reset_follows_the_end", "still says that the episode is done"),
    fault(faults.Endless, "steps_after_the_end_do_no_harm", "gave an observation that is not done"),
    fault(faults.OnceSeeded, "same_seed_same_episode", "played again in the same session"),
    fault(faults.SeldomSeeded, "same_seed_same_episode", "with the same seed, 2"),
    fault(faults.Chancy, "a_recording_replays", "from its recording in a new session"),
    fault(faults.Shared, "sessions_are_isolated", "beside another session"),
    fault(faults.Inherited, "sessions_are_isolated", "after another session"),
    fault(faults.SharedCount, "sessions_are_isolated", "the state tells {'episode_id': 'another', "),
    fault(
        Walk,
        "the_client_reads_every_answer",
        "OtherObservation where",
        client_cls=faults.OtherClient,
    ),
    fault(Walk, "the_client_reads_every_answer", "gives a State where", client_cls=faults.WrongStateClient),
    fault(
        faults.Crowded,
        "sixteen_sessions_run_at_once",
        "failed: RuntimeError: no seat is left",
    ),
    fault(faults.Blocking, "the_event_loop_goes_on", "step_async usually keeps everything else from the event loop"),
    fault(faults.Pondering, "the_event_loop_goes_on", "step usually keeps everything else from the event loop"),
    fault(faults.Roaming, "the_process_stays_as_it_is", "it changes the working directory from "),
    fault(faults.Announcing, "the_process_stays_as_it_is", "it changes the environment variable WALK_STEPS"),
    fault(faults.Hashed, "another_process_plays_the_same", "with the same seed and PYTHONHASHSEED=1, reset gave"),
    fault(faults.Unbegun, "close_comes_at_any_time", "before its first reset, it raised AttributeError"),
    fault(faults.Unending, "close_comes_at_any_time", "after an episode, it raised RuntimeError"),
    fault(faults.LeavesThreads, "close_gives_everything_back", "4 threads (nobody's)"),
    fault(faults.LeavesFiles, "close_gives_everything_back", "4 files, sockets or pipes open"),
    fault(faults.LeavesProcesses, "close_gives_everything_back", "4 processes"),
    fault(faults.LeavesDirectories, "close_gives_everything_back", "4 temporary files or directories, such as "),
    fault(faults.ClosesTheLast, "episodes_give_everything_back", "4 threads (nobody's)"),
    fault(faults.Hoarding, "memory_stays_bounded", "episodes of one session took"),
    fault(faults.Unlisted, "tools_are_listed", "it raised RuntimeError: the tools are in the shed"),
    fault(faults.TwiceNamed, "tools_are_listed", "2 tools of the name 'add'"),
    fault(faults.ReservedName, "tools_are_listed", "a tool is called 'reset'"),
    fault(faults.UndescribedTool, "tools_are_described", "'add' has no description"),
    fault(faults.ShapelessTool, "tool_schemas_are_valid", "the schema of 'add' is none"),
    fault(faults.ListTool, "tool_schemas_are_valid", "has the type 'array'"),
    fault(faults.Shuffling, "tasks_are_told_alike", "task 0 of 'short' is {'target': 9}"),
    fault(faults.Boundless, "tasks_are_told_alike", "'short' has 2 tasks, and as task 2 it gives {'target': 9}"),
    fault(faults.Untasked, "episodes_begin_with_tasks", "reset(split='short', index=0): "),
    fault(faults.Wavering, "episodes_begin_with_tasks", "reset(split='short', index=2) gave "),
    fault(faults.RefusingTool, "tools_take_valid_arguments", "was refused: "),
    fault(faults.FailingTool, "tools_return_results", "each of 8 calls failed, such as add("),
    fault(faults.Toolbox, "tools_refuse_invalid_arguments", "'add', called with 'to' as"),
]


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """End what faults leave, and do not wait long for what is not going to happen."""
    monkeypatch.setattr("openenv.testing._resource_checks._PATIENCE_S", 0.1)
    monkeypatch.chdir(".")
    monkeypatch.setenv("WALK_STEPS", "none")
    yield
    while faults.LEFT:
        faults.LEFT.pop()()
    faults.Shared.places.clear()
    for thread in threading.enumerate():
        if thread.name == "nobody's":
            thread.join(30)


def _fault_id(row: Fault) -> str:
    env, name, _, _ = row
    return f"{name}-{env.__name__}"


@pytest.mark.parametrize("row", FAULTS, ids=_fault_id)
def test_a_planted_fault_is_found(row: Fault) -> None:
    env, name, seen, arguments = row

    report = check_environment(env, checks=[name], steps=STEPS, **arguments)

    [result] = report.results
    [check] = [check for check in LIVE_CHECKS if check.name == name]
    assert seen in "\n".join(finding.seen for finding in result.findings), result
    assert {(f.check, f.severity, f.expected, f.advice) for f in report.findings} == {
        (name, check.severity, check.expected, check.advice)
    }
    assert report.passed == (check.severity is Severity.WARNING)
    with pytest.raises(ConformanceError) as raised:
        report.raise_if_failed(strict=True)
    assert check.advice in str(raised.value)


class Unwell:
    """A server that is there, and not well."""

    def __init__(self) -> None:
        self.app: Any = create_app(Walk)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope.get("path") != "/health":
            await self.app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b'{"status": "unhealthy"}'})


def test_a_server_that_is_not_well_is_found() -> None:
    with serve(Unwell()) as server:
        report = check_server(server.base_url, checks=["the_server_answers", "reset_begins_an_episode"])

    assert [finding.seen for finding in report.findings] == [
        'GET /health is answered by 200 and {"status": "unhealthy"}'
    ]
    assert report.results[1].left_out == "the_server_answers is to be mended first"


SERVED_FAULTS = [
    (faults.Raising, "valid_actions_are_answered", "ValueError: cannot walk backwards"),
    (faults.Costly, "rewards_are_finite_numbers", "the reward nan"),
    (faults.Shared, "sessions_are_isolated", "beside another session"),
    (faults.Crowded, "sixteen_sessions_run_at_once", "RuntimeError: no seat is left"),
]


@pytest.mark.parametrize(("env", "name", "seen"), SERVED_FAULTS)
def test_a_planted_fault_is_found_over_the_wire(env: type[Walk], name: str, seen: str) -> None:
    with serve(env) as server:
        report = check_server(server.base_url, checks=[name], steps=STEPS)

    assert seen in report.findings[0].seen


def test_every_check_has_been_seen_to_fail() -> None:
    assert {name for _, name, _, _ in FAULTS} | {"the_server_answers"} == {check.name for check in LIVE_CHECKS}


# -- reports


def test_what_a_finding_says_is_in_the_report_for_programs() -> None:
    report = check_environment(faults.Undocumented, level=Level.CONTRACT, steps=STEPS)

    document = json.loads(json.dumps(report.to_dict()))
    [finding] = [finding for check in document["checks"] for finding in check["findings"]]
    assert (document["environment"], document["passed"], document["errors"], document["warnings"]) == (
        "Undocumented",
        True,
        0,
        1,
    )
    assert finding == {
        "check": "it_describes_itself",
        "severity": "warning",
        "seen": "its class has no docstring to tell what it is",
        "expected": "the metadata has a name, a description and a version",
        "advice": "write a docstring on the class, or override get_metadata()",
        "file": "",
        "field": "description",
    }
    assert set(document["latency"]) == {"reset", "step"}
    assert 0 < document["latency"]["step"]["min_ms"] <= document["latency"]["step"]["p99_ms"]


def test_what_cannot_be_told_after_a_first_fault_is_left_out() -> None:
    report = check_environment(faults.Unstarting, level="contract", steps=STEPS)

    assert [finding.check for finding in report.errors] == ["reset_begins_an_episode"]
    assert report.results[-1].left_out == "reset_begins_an_episode is to be mended first"


def test_a_check_that_does_not_end_is_given_up() -> None:
    let_go = threading.Event()

    class Waiting(Walk):
        def step(self, action: WalkAction, timeout_s: float | None = None) -> WalkObservation:
            let_go.wait(30)
            return super().step(action)

    report = check_environment(
        Waiting, checks=["valid_actions_are_answered", "same_seed_same_episode"], steps=1, check_timeout_s=4
    )
    let_go.set()

    [finding] = report.findings
    assert finding.seen.startswith("for 4 s nothing came of it: something waits (File ")
    assert finding.seen.endswith(f"in {Waiting.step.__name__})")
    assert "--timeout" in finding.advice
    assert report.results[1].left_out == "valid_actions_are_answered did not come to an end"


def test_an_environment_that_goes_on_answering_is_not_given_up() -> None:
    subject = LocalSubject(EnvironmentSpec.of(Walk), Plan(steps=2), None)
    before = subject.pulse.heard_at
    with subject.session() as session:
        heard = [before, *(subject.pulse.heard_at for _ in session.play(subject.actions_of(0)))]
    assert heard[0] < heard[1]

    def takes_its_time(subject: LocalSubject) -> None:
        threading.Event().wait(0.05)

    subject.pulse.heard_at += 60
    result, is_over = make(Check(takes_its_time, Level.CONTRACT, "", ""), subject, timeout_s=0.0)
    assert (result.passed, is_over) == (True, True)


def test_what_close_raises_is_told_once() -> None:
    report = check_environment(faults.Unbegun, steps=STEPS)

    assert [finding.check for finding in report.errors] == ["close_comes_at_any_time"]


class Dice(Walk):
    """Heeds no seed."""

    def seen(self) -> WalkObservation:
        return super().seen().model_copy(update={"target": random.randrange(10**9)})


def test_what_lasts_between_episodes_is_told_from_a_seed_that_is_not_heeded() -> None:
    reports = [
        check_environment(env, checks=["same_seed_same_episode"], steps=STEPS) for env in (faults.Lingering, Dice)
    ]

    told = ["something is kept from one episode to the next" in report.findings[0].seen for report in reports]
    assert told == [True, False]


def test_what_another_process_cannot_import_is_left_out() -> None:
    class Local(Walk):
        """Is known here alone."""

    report = check_environment(Local, checks=["another_process_plays_the_same"], steps=STEPS)

    assert report.results[0].left_out == "it is not defined at the top of a module, where another process finds it"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"checks": ["no_such_check"]}, "no check of environments: no_such_check. There are: it_can_be_made, "),
        ({"skip": ["no_such_check"]}, "no check of environments: no_such_check"),
        ({"level": "deep"}, "expected one of static, contract, full as level, got 'deep'"),
        ({"level": "static"}, "the level static is about a project's files"),
        ({"steps": 0}, "expected 1 or more steps, got 0"),
        ({"actions": []}, "expected one or more actions, got none"),
    ],
)
def test_what_cannot_be_asked_is_told(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        check_environment(Walk, **arguments)


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(ConnectError):
        check_server("http://127.0.0.1:9")
