"""What an environment promises of its episodes: reset, step, state, and what they take and answer."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator
from itertools import islice

from ..core.exceptions import InvalidRequestError
from ._environment_check import Check, LeftOut, Seen, Unmet
from ._environment_subject import Fields, LocalSubject, ServedSubject, Session, Subject, Turn, close_quietly
from ._schema_values import invalid_objects, problem_with, schema_problem
from .environment_report import Level, Severity

__all__ = ["EPISODE_CHECKS"]

_MODELS = ("action", "observation", "reset_observation", "state")
_EPISODE_ID = "an-episode-of-this-name"
_EPISODES = 3
_LONGEST_EPISODE = 1000
_LONGEST_EPISODE_S = 3.0
# Of one kind; whoever mends these runs the check again.
_MOST_SEEN = 5
# What the description is where nobody wrote one.
_UNTOLD = re.compile(r"The \w+ environment\.")


def it_can_be_made(subject: Subject) -> None:
    """Make two."""
    if not isinstance(subject, LocalSubject):
        raise LeftOut("it is made by its server")
    from ..core.env_server.interfaces import Environment

    made: list[object] = [subject.spec.factory() for _ in range(2)]
    environments = [each for each in made if isinstance(each, Environment)]
    if len(environments) < len(made):
        raise Unmet(f"{subject.spec.factory_name} gives a {type(made[0]).__name__}")
    for each in {id(each): each for each in environments}.values():
        close_quietly(each)
    if made[0] is made[1]:
        raise Unmet("made twice, it is the same instance both times")


def the_server_answers(subject: Subject) -> None:
    """Ask the server for its health."""
    if not isinstance(subject, ServedSubject):
        raise LeftOut("there is no server")
    from ..core._http import fetch

    answer = fetch(f"{subject.url}/health")
    told = answer.body.decode(errors="replace").strip()
    if answer.status != 200 or '"healthy"' not in told:
        raise Unmet(f"GET /health is answered by {answer.status} and {told[:100]}")


def it_describes_itself(subject: Subject) -> Iterator[Seen]:
    """Read the metadata."""
    told = subject.told_metadata()
    for field in ("name", "description", "version"):
        if not str(told.get(field) or "").strip():
            yield Seen(f"its metadata has no {field}", field=field)
    if _UNTOLD.fullmatch(str(told.get("description"))):
        yield Seen("its class has no docstring to tell what it is", field="description")


def schemas_are_valid(subject: Subject) -> Iterator[Seen]:
    """Look at the schemas."""
    for name in _MODELS:
        schema = subject.schemas.get(name)
        if schema is None:
            continue
        problem = schema_problem(schema)
        if problem:
            yield Seen(f"the schema of its {name} is none: {problem}", field=name)
        elif str(schema.get("description", "")).startswith("No schema: "):
            yield Seen(f"its {name} has no JSON schema: {schema['description'][11:]}", field=name)


def fields_are_described(subject: Subject) -> Iterator[Seen]:
    """Read the descriptions of the fields of actions."""
    if subject.actions_are_calls:
        raise LeftOut("its actions are calls of tools")
    for name, field in subject.action_schema.get("properties", {}).items():
        if "description" not in field and "const" not in field and "$ref" not in field:
            yield Seen(f"the action's field {name!r} has no description", field=name)


def reset_begins_an_episode(subject: Subject) -> None:
    """Reset."""
    with subject.session() as session:
        first = session.begin()
    if first.is_done:
        raise Unmet("the first observation of an episode says that it is done")


def reset_names_the_episode(subject: Subject) -> None:
    """Reset with a name."""
    with subject.session() as session:
        session.reset(**{**(subject.plan.reset_arguments or {}), "episode_id": _EPISODE_ID})
        name = session.state().get("episode_id")
    if name != _EPISODE_ID:
        raise Unmet(f"after reset(episode_id={_EPISODE_ID!r}), the state's episode_id is {name!r}")


def reset_refuses_unknown_arguments(subject: Subject) -> None:
    """Reset with an argument that no environment has."""
    with subject.session() as session:
        try:
            session.reset(**{**(subject.plan.reset_arguments or {}), "no_such_argument": 1})
        except InvalidRequestError:
            return
    raise Unmet("reset(no_such_argument=1) was taken for a good one")


def valid_actions_are_answered(subject: Subject) -> Iterator[Seen]:
    """Play."""
    turns = [turn for episode in subject.episodes for turn in episode[1:]]
    if turns and all(turn.is_refused for turn in turns):
        raise Unmet(f"every action is refused, such as {turns[0]}: {turns[0].problem}")
    # Of random ones, the model may refuse what its schema cannot say; those that somebody chose are meant to be good.
    chosen = subject.plan.actions is not None
    wrong = {turn.problem: turn for turn in reversed(turns) if turn.problem and (chosen or not turn.is_refused)}
    for problem, turn in islice(wrong.items(), _MOST_SEEN):
        yield Seen(f"{turn} {'was refused: ' if turn.is_refused else 'raised '}{problem}")


def observations_match_their_schema(subject: Subject) -> Iterator[Seen]:
    """Compare what is answered with what is told."""
    seen: dict[str, Seen] = {}
    for turn in _described(subject):
        name = "observation" if turn.action is not None else "reset_observation"
        schema = subject.schema(name) or subject.schema("observation")
        problem = problem_with(turn.observation, schema)
        if problem:
            seen.setdefault(problem, Seen(f"{turn} gave an observation that its schema does not describe: {problem}"))
    yield from islice(seen.values(), _MOST_SEEN)


def observations_survive_json(subject: Subject) -> None:
    """Read what was answered by the model, and write it anew."""
    if not isinstance(subject, LocalSubject):
        raise LeftOut("the models are with the server")
    from ..core.env_server._wire_model import FROM_WIRE
    from ..core.env_server.serialization import serialize_observation

    for turn in _described(subject):
        model = subject.spec.reset_observation if turn.action is None else subject.spec.observation
        read = model.model_validate(turn.observation, context=FROM_WIRE)
        written = Turn(turn.action, serialize_observation(read)).shown
        if written != turn.shown:
            raise Unmet(f"{turn} gave {turn.shown[:150]}, which {model.__name__} reads and writes as {written[:150]}")


def rewards_are_finite_numbers(subject: Subject) -> None:
    """Look at the rewards."""
    for turn in _answered(subject):
        reward = turn.reward
        if reward is not None and not (isinstance(reward, (int, float)) and math.isfinite(reward)):
            raise Unmet(f"{turn} gave the reward {reward!r}")


def state_matches_its_schema(subject: Subject) -> None:
    """Compare the state with what is told of it, at every step."""
    for when, state in _states(subject):
        problem = problem_with(state, subject.schema("state"))
        if problem:
            raise Unmet(f"after {when}, the state is not what its schema describes: {problem}")


def state_is_only_read(subject: Subject) -> None:
    """Read the state twice at every step."""
    with subject.session() as session:
        for turn in session.go_on(subject.actions_of(0), session.begin()):
            once, again = session.state(), session.state()
            if once != again:
                raise Unmet(f"read twice after {turn}, the state was {once} and then {again}")


def steps_are_counted(subject: Subject) -> None:
    """Compare the state's step_count with the steps."""
    counted = 0
    with subject.session() as session:
        for turn in session.go_on(subject.actions_of(0), session.begin()):
            told = session.state().get("step_count")
            if turn.problem:
                # Whether what was raised counts is the environment's affair.
                counted = told if isinstance(told, int) else counted
                continue
            counted += turn.action is not None
            if told != counted:
                raise Unmet(f"after {counted} steps, the state's step_count is {told!r}")


def invalid_actions_are_refused(subject: Subject) -> Iterator[Seen]:
    """Send actions that the schema does not describe."""
    with subject.session() as session:
        session.begin()
        for wrong, action in _invalid(subject):
            turn = session.step(action)
            if turn.is_refused:
                continue
            got = f"it raised {turn.problem}" if turn.problem else "it was taken for a good one"
            yield Seen(f"an action {wrong} was not refused: {got}")
            session.begin()


def refusals_do_no_harm(subject: Subject) -> None:
    """Send them in the middle of an episode that has been played without."""
    undisturbed = subject.first_episode()
    invalid = [action for _, action in _invalid(subject)]
    with subject.session() as session:
        _same(undisturbed[0], session.begin(), "at the reset")
        for index, turn in enumerate(undisturbed[1:]):
            before = session.state()
            refused = session.step(invalid[index % len(invalid)])
            if not refused.is_refused:
                raise LeftOut("invalid actions are not refused: see invalid_actions_are_refused")
            if session.state() != before:
                raise Unmet(f"a refused action changed the state from {before} to {session.state()}")
            _same(turn, session.step(turn.action or {}), "after a refused action")


def a_reset_in_the_middle_begins_anew(subject: Subject) -> None:
    """Reset in the middle of one episode after another."""
    before = subject.first_episode()[0]
    with subject.session() as session:
        for episode in range(_EPISODES):
            session.play(subject.actions_of(episode)[: max(1, subject.plan.steps // 2)])
            _same(before, session.begin(), "at a reset in the middle of an episode")


def a_reset_follows_the_end(subject: Subject) -> None:
    """Play to the end of an episode, and reset."""
    with subject.session() as session:
        _play_to_the_end(session, subject)
        first = session.begin()
        if first.is_done:
            raise Unmet("the first observation after a reset still says that the episode is done")
        after = session.step(subject.actions_of(0)[0])
    if after.problem and not after.is_refused:
        raise Unmet(f"the first step of the next episode raised {after.problem}")


def steps_after_the_end_do_no_harm(subject: Subject) -> None:
    """Go on after the end of an episode, and reset."""
    with subject.session() as session:
        _play_to_the_end(session, subject)
        late = [session.step(action) for action in subject.actions_of(0)[:3]]
        if not all(turn.is_done or turn.problem for turn in late):
            raise Unmet("a step after the end gave an observation that is not done")
        first = session.begin()
    if subject.repeated:
        _same(subject.repeated[0], first, "at the reset after steps that came too late")


def _play_to_the_end(session: Session, subject: Subject) -> None:
    if subject.why_endless:
        raise LeftOut(subject.why_endless)
    played, episode = 0, 0
    session.begin()
    began = time.monotonic()
    while played < _LONGEST_EPISODE and time.monotonic() - began < _LONGEST_EPISODE_S:
        for turn in session.go_on(subject.actions_of(episode)):
            played += 1
            if turn.is_done:
                return
        episode += 1
    subject.why_endless = (
        f"no episode came to its end within {played} steps: if they are to end, look where done is set, or give "
        f"actions that lead there"
    )
    raise LeftOut(subject.why_endless)


def _answered(subject: Subject) -> Iterator[Turn]:
    return (turn for episode in subject.episodes for turn in episode if not turn.problem)


def _described(subject: Subject) -> Iterator[Turn]:
    """Yield the answers of which a schema tells: where actions are calls of tools, resets have none of their own."""
    untold = subject.actions_are_calls and subject.schema("reset_observation") == subject.schema("observation")
    return (turn for turn in _answered(subject) if turn.action is not None or not untold)


def _states(subject: Subject) -> Iterator[tuple[str, Fields]]:
    with subject.session() as session:
        for turn in session.go_on(subject.actions_of(0), session.begin()):
            yield str(turn), session.state()


def _invalid(subject: Subject) -> list[tuple[str, Fields]]:
    found = list(invalid_objects(subject.action_schema, subject.actions_of(0)[0]))
    if not found:
        raise LeftOut("its actions may be anything")
    return found


def _same(before: Turn, now: Turn, when: str) -> None:
    if now.shown != before.shown:
        raise Unmet(f"{when}, {now} gave {now.shown[:200]}, and {before.shown[:200]} is what comes without")


def _contract(
    look: Callable[[Subject], Iterator[Seen] | None],
    expected: str,
    advice: str,
    severity: Severity = Severity.ERROR,
    *,
    is_gate: bool = False,
) -> Check[Subject]:
    return Check(look, Level.CONTRACT, expected, advice, severity, is_gate)


EPISODE_CHECKS: tuple[Check[Subject], ...] = (
    _contract(
        it_can_be_made,
        "the class or factory gives a new Environment whenever it is called without arguments",
        "give every argument of __init__ a default, and keep no instance for the next caller",
        is_gate=True,
    ),
    _contract(
        the_server_answers,
        'GET /health is answered by 200 and {"status": "healthy"}',
        "start the server, and look at its log",
        is_gate=True,
    ),
    _contract(
        it_describes_itself,
        "the metadata has a name, a description and a version",
        "write a docstring on the class, or override get_metadata()",
        Severity.WARNING,
    ),
    _contract(
        schemas_are_valid,
        "actions, observations and states have JSON schemas",
        "give fields types that pydantic describes; for a type of your own, write __get_pydantic_json_schema__",
        is_gate=True,
    ),
    _contract(
        fields_are_described,
        "every field of an action says what it means, for agents read it",
        'write Field(description="…")',
        Severity.WARNING,
    ),
    _contract(
        reset_begins_an_episode,
        "reset returns the first observation of an episode, which is not done",
        "return an Observation with done=False from reset; give what it needs defaults, or check with reset_arguments",
        is_gate=True,
    ),
    _contract(
        reset_names_the_episode,
        "reset(episode_id=…) names the episode, and the state tells that name",
        "make a new State(episode_id=episode_id) in reset",
        Severity.WARNING,
    ),
    _contract(
        reset_refuses_unknown_arguments,
        "an argument that reset does not have is refused, for it may be a known one misspelt",
        "name reset's own arguments in its signature, in place of **kwargs",
        Severity.WARNING,
    ),
    _contract(
        valid_actions_are_answered,
        "every action that the schema describes is answered by an observation",
        "refuse what cannot be done by types and Field constraints of the action, and answer the rest by an "
        "observation that says what went wrong; actions=[…] are played in place of random ones",
    ),
    _contract(
        observations_match_their_schema,
        "observations are what the schema of their class says",
        "return the class that Environment[…] declares, and assign to its fields rather than change them in place",
    ),
    _contract(
        observations_survive_json,
        "an observation written as JSON, read by its class and written again stays the same",
        "make serializers and validators of its fields the inverse of each other, and exclude no field",
    ),
    _contract(
        rewards_are_finite_numbers,
        "a reward is None or a finite number",
        "look for divisions by nought and for logarithms of it",
    ),
    _contract(
        state_matches_its_schema,
        "the state is what the schema of its class says",
        "return the class that Environment[…] declares, and assign to its fields rather than change them in place",
    ),
    _contract(state_is_only_read, "reading the state changes nothing", "compute it from the episode, and draw nothing"),
    _contract(
        steps_are_counted,
        "the state's step_count is the number of steps since the reset",
        "set step_count to 0 in reset, and add 1 in step",
        Severity.WARNING,
    ),
    _contract(
        invalid_actions_are_refused,
        "an action that the schema does not describe is refused before it reaches the environment",
        "leave extra='forbid' as Action has it, and type the fields closely",
    ),
    _contract(
        refusals_do_no_harm,
        "an action that was refused leaves no trace in the episode",
        "do not change anything in validators of the action",
    ),
    _contract(
        a_reset_in_the_middle_begins_anew,
        "a reset in the middle of an episode begins as one at the start does",
        "set everything that an episode changes anew in reset",
    ),
    _contract(
        a_reset_follows_the_end,
        "after an episode is done, a reset begins the next one",
        "set everything that tells that the episode is done anew in reset",
    ),
    _contract(
        steps_after_the_end_do_no_harm,
        "a step after the end is refused or answered by an observation that is done, and the next reset is as ever",
        "return the last observation again, or raise, while the episode is done",
        Severity.WARNING,
    ),
)
"""In the order in which they are made."""
