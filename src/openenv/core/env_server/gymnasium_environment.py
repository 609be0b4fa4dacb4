"""`GymnasiumEnvironment`: an environment that plays one of Gymnasium."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast
from uuid import uuid4

from ..exceptions import ConfigurationError, InvalidRequestError, MissingExtraError
from .environment_spec import declared_models
from .interfaces import Environment
from .types import Action, Observation, State

if TYPE_CHECKING:
    from collections.abc import Callable

    import gymnasium

__all__ = ["GymnasiumEnvironment"]

_ActT = TypeVar("_ActT", bound=Action)
_ObsT = TypeVar("_ObsT", bound=Observation)
_StateT = TypeVar("_StateT", bound=State)

_NOT_OF_THE_SPACE = {"metadata"}
_NOT_SEEN = {"done", "reward", "metadata", "terminated", "truncated", "info"}


class GymnasiumEnvironment(Environment[_ActT, _ObsT, _StateT]):
    """Plays an environment of Gymnasium: `class Pole(GymnasiumEnvironment[PoleAction, PoleObservation, State])`.

    The models have a field `action` and a field `observation` of the space's kind, or one for each key of a `Dict`
    space. Fields of numpy's arrays and of `Any` hold arrays as they are, which travel as such; others hold lists. An
    observation may have fields `terminated`, `truncated` and `info`; without the last, what Gymnasium tells beside it
    is in its metadata. A rubric finds Gymnasium's reward in the observation, and may give another.

    Attributes:
        GYMNASIUM_ID: What `gymnasium.make` is given.
    """

    SUPPORTS_CONCURRENT_SESSIONS = True
    GYMNASIUM_ID: ClassVar[str] = ""

    def __init__(
        self,
        world: gymnasium.Env[Any, Any] | None = None,
        *,
        rubric: Callable[[Any, Any], Any] | None = None,
        **options: Any,
    ) -> None:
        """Make the environment.

        Args:
            world: The environment of Gymnasium; by default the one that `GYMNASIUM_ID` names.
            rubric: What gives the reward; by default Gymnasium's is kept.
            **options: Further arguments of `gymnasium.make`.

        Raises:
            MissingExtraError: Gymnasium is not installed.
            ConfigurationError: The class names no environment that Gymnasium can make.
        """
        super().__init__(rubric=rubric)
        self._world = _made(type(self), options) if world is None else world
        self._read_models()
        self._is_over = False
        self._state = self._begun(None)

    @staticmethod
    def action_fields(space: gymnasium.Space[Any], action: Any) -> dict[str, Any]:
        """Return the fields of the model for an action of a space, as a policy made for Gymnasium gives it."""
        from .gymnasium_spaces import fields_of

        return fields_of(space, action, "action")

    def reset(
        self, seed: int | None = None, episode_id: str | None = None, options: dict[str, Any] | None = None
    ) -> _ObsT:
        """Begin an episode.

        Args:
            seed: What makes it the same each time.
            episode_id: Its name.
            options: Those of Gymnasium's reset.
        """
        return self._reset_in(self._world, seed, episode_id, options)

    def step(self, action: _ActT, timeout_s: float | None = None) -> _ObsT:
        """Act.

        Raises:
            InvalidRequestError: The action is not one of the space.
            RuntimeError: The episode is over.
        """
        if self._is_over:
            raise RuntimeError("the episode is over: reset begins another")
        chosen = self._chosen(action)
        seen, reward, terminated, truncated, info = self._world.step(chosen)
        self._is_over = bool(terminated or truncated)
        self._state.step_count += 1
        ends = {"terminated": bool(terminated), "truncated": bool(truncated)}
        observation = self._observed(seen, info, float(reward), **ends)
        if self.rubric is not None:
            scored = self._apply_rubric(action, observation)
            # What is assigned is validated, which most rubrics here need not wait for.
            if scored != observation.reward:
                observation.reward = scored
        return observation

    @property
    def state(self) -> _StateT:
        """Return where the episode stands."""
        return self._state

    def close(self) -> None:
        """Close Gymnasium's environment."""
        self._world.close()

    def _begun(self, episode_id: str | None) -> _StateT:
        state_class = cast("type[_StateT]", declared_models(type(self)).get("state", State))
        return state_class(episode_id=episode_id or uuid4().hex)

    def _reset_in(
        self, world: gymnasium.Env[Any, Any], seed: int | None, episode_id: str | None, options: dict[str, Any] | None
    ) -> _ObsT:
        """Begin an episode in a world, which from now on is the one that is played in."""
        seen, info = world.reset(seed=seed, options=options)
        self._world = world
        self._is_over = False
        self._state = self._begun(episode_id)
        self._reset_rubric()
        return self._observed(seen, info, None, terminated=False, truncated=False)

    def _read_models(self) -> None:
        """Learn what fields the models have, and which of them hold arrays."""
        from .gymnasium_spaces import takes_arrays

        models = declared_models(type(self))
        self._observation_class = cast("type[_ObsT]", models.get("observation", Observation))
        seen = self._observation_class.model_fields
        self._seen_fields = frozenset(seen) - _NOT_SEEN
        self._array_fields = frozenset(name for name in self._seen_fields if takes_arrays(seen[name].annotation))

    def _chosen(self, action: _ActT) -> Any:
        """Return an action as Gymnasium wants it."""
        from .gymnasium_spaces import value_of

        values = action.model_dump(exclude=_NOT_OF_THE_SPACE)
        try:
            return value_of(self._world.action_space, values, "action", fields=values)
        except ValueError as error:
            raise InvalidRequestError(str(error)) from error

    def _observed(self, seen: Any, info: Any, reward: float | None, *, terminated: bool, truncated: bool) -> _ObsT:
        from .gymnasium_spaces import fields_of, plain

        known = self._observation_class.model_fields
        space, arrays = self._world.observation_space, self._array_fields
        fields = fields_of(space, seen, "observation", fields=self._seen_fields, with_arrays=arrays)
        told = {"terminated": terminated, "truncated": truncated, "info": plain(info)}
        fields |= {name: value for name, value in told.items() if name in known}
        metadata = {} if "info" in known else told["info"]
        return self._observation_class(**fields, reward=reward, done=terminated or truncated, metadata=metadata)


def _made(cls: type[GymnasiumEnvironment[Any, Any, Any]], options: dict[str, Any]) -> gymnasium.Env[Any, Any]:
    try:
        import gymnasium
    except ImportError:
        raise MissingExtraError(f"{cls.__name__}", "gymnasium") from None
    if not cls.GYMNASIUM_ID:
        raise ConfigurationError(f"{cls.__name__} names no environment: set GYMNASIUM_ID = 'CartPole-v1' on the class")
    try:
        return gymnasium.make(cls.GYMNASIUM_ID, **options)
    except (gymnasium.error.Error, ImportError, TypeError) as error:
        raise ConfigurationError(f"Gymnasium cannot make {cls.GYMNASIUM_ID!r} of {cls.__name__}: {error}") from error
