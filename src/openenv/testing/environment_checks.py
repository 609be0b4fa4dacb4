"""The checks that every good environment passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..core.exceptions import ConfigurationError
from ._environment_check import chosen, make_each, quietly
from ._live_checks import LIVE_CHECKS
from ._schema_values import require_extra
from .environment_report import EnvironmentReport, Latency, Level

if TYPE_CHECKING:
    from ..core.env_client import EnvClient
    from ..core.env_server.environment_spec import EnvironmentSpec
    from ..core.env_server.interfaces import Environment
    from ..core.env_server.types import Action, Observation, State
    from ._environment_subject import Plan, Subject

__all__ = ["check_environment", "check_server", "level_named"]


def check_environment(
    env: Callable[[], Environment[Any, Any, Any]] | EnvironmentSpec,
    action_cls: type[Action] | None = None,
    observation_cls: type[Observation] | None = None,
    *,
    state_cls: type[State] | None = None,
    client_cls: type[EnvClient[Any, Any, Any]] | None = None,
    level: Level | str = Level.FULL,
    seed: int = 0,
    steps: int = 20,
    actions: Iterable[Mapping[str, Any] | Action] | None = None,
    reset_arguments: Mapping[str, Any] | None = None,
    checks: Iterable[str] | None = None,
    skip: Iterable[str] = (),
    check_timeout_s: float = 60.0,
    on_check: Callable[[str], None] | None = None,
) -> EnvironmentReport:
    """See whether an environment does what every environment should.

        def test_my_environment_is_a_good_one() -> None:
            check_environment(MyEnvironment).raise_if_failed()

    It runs in this process, in threads of the checks' own. Needs the extra `testing`.

    Args:
        env: Its class, or a function that makes an instance; or a server's `spec` of one.
        action_cls: The model of its actions; by default the one that its class declares.
        observation_cls: The model of its observations; by default likewise.
        state_cls: The model of its state; by default likewise.
        client_cls: The class of its client, to be played by as well.
        level: How deep to check: `contract` for what an episode shows, `full` for concurrency and resources too.
        seed: What random actions follow from, and the seed of the episodes.
        steps: The most steps of an episode.
        actions: Actions to play in turn, in place of random ones.
        reset_arguments: What each reset is given beside a seed and an episode's name.
        checks: The names of the checks to make; by default those of the level.
        skip: The names of checks to leave out.
        check_timeout_s: Seconds without an answer after which a check is given up, which counts as a finding.
        on_check: Called with the name of each check before it is made.

    Raises:
        ConfigurationError: There is no such level or check, or the environment's models are not known.
        MissingExtraError: The extra is not installed.
    """
    from ..core.env_server.environment_spec import EnvironmentSpec
    from ._environment_subject import LocalSubject

    require_extra()
    if not isinstance(env, EnvironmentSpec):
        env = EnvironmentSpec.of(env, action_cls, observation_cls, state=state_cls)
    subject = LocalSubject(env, _plan(seed, steps, actions, reset_arguments), client_cls)
    return _report(subject, level, checks, skip, check_timeout_s, on_check)


def check_server(
    base_url: str,
    *,
    level: Level | str = Level.FULL,
    seed: int = 0,
    steps: int = 20,
    actions: Iterable[Mapping[str, Any] | Action] | None = None,
    reset_arguments: Mapping[str, Any] | None = None,
    checks: Iterable[str] | None = None,
    skip: Iterable[str] = (),
    check_timeout_s: float = 60.0,
    on_check: Callable[[str], None] | None = None,
) -> EnvironmentReport:
    """See whether the environment of a running server does what every environment should, as far as the wire shows it.

    Checks that have to see the environment itself are left out. Needs the extra `testing`.

    Args:
        base_url: The server's address, such as `http://localhost:8000`.
        level: As with `check_environment`.
        seed: Likewise.
        steps: Likewise.
        actions: Likewise.
        reset_arguments: Likewise.
        checks: Likewise.
        skip: Likewise.
        check_timeout_s: Likewise.
        on_check: Likewise.

    Raises:
        ConfigurationError: There is no such level or check, or it is no address.
        ConnectError: No server could be reached there.
        MissingExtraError: The extra is not installed.
    """
    from ._environment_subject import ServedSubject

    require_extra()
    subject = ServedSubject(base_url.rstrip("/"), _plan(seed, steps, actions, reset_arguments))
    # A server that is not there is not one that fails a check.
    subject.told_metadata()
    return _report(subject, level, checks, skip, check_timeout_s, on_check)


def _plan(
    seed: int,
    steps: int,
    actions: Iterable[Mapping[str, Any] | Action] | None,
    reset_arguments: Mapping[str, Any] | None,
) -> Plan:
    from ._environment_subject import Plan

    if steps < 1:
        raise ConfigurationError(f"expected 1 or more steps, got {steps}")
    given = None if actions is None else tuple(_fields(action) for action in actions)
    if given == ():
        raise ConfigurationError("expected one or more actions, got none: leave actions out for random ones")
    return Plan(seed, steps, given, dict(reset_arguments or {}))


def _fields(action: Mapping[str, Any] | Action) -> dict[str, Any]:
    return dict(action) if isinstance(action, Mapping) else action.model_dump(mode="json", exclude={"metadata"})


def _report(
    subject: Subject,
    level: Level | str,
    checks: Iterable[str] | None,
    skip: Iterable[str],
    timeout_s: float,
    on_check: Callable[[str], None] | None,
) -> EnvironmentReport:
    depth = level_named(level)
    if depth is Level.STATIC:
        raise ConfigurationError(
            "the level static is about a project's files: check_project('path/to/project') reads them"
        )
    names = chosen(LIVE_CHECKS, depth, checks, skip)
    wanted = [check for check in LIVE_CHECKS if check.name in names]
    with quietly():
        results = tuple(make_each(wanted, subject, timeout_s, on_check or (lambda _: None)))
    latency = {called: Latency.of(seconds) for called, seconds in subject.took.items() if seconds}
    return EnvironmentReport(subject.name, depth, subject.plan.seed, results, latency)


def level_named(level: Level | str) -> Level:
    """Return a level by its name.

    Raises:
        ConfigurationError: There is none of that name.
    """
    try:
        return Level(level)
    except ValueError:
        names = ", ".join(each.value for each in Level)
        raise ConfigurationError(f"expected one of {names} as level, got {level!r}") from None
