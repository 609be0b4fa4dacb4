"""`GymnasiumEnvironment`: an environment that plays one of Gymnasium."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast
from uuid import uuid4

from ..exceptions import ConfigurationError, MissingExtraError
from .environment_spec import declared_models
from .interfaces import Environment
from .types import Action, Observation, State

if TYPE_CHECKING:
    import gymnasium

__all__ = ["GymnasiumEnvironment"]

_ActT = TypeVar("_ActT", bound=Action)
_ObsT = TypeVar("_ObsT", bound=Observation)
_StateT = TypeVar("_StateT", bound=State)

_NOT_OF_THE_SPACE = {"metadata"}


class GymnasiumEnvironment(Environment[_ActT, _ObsT, _StateT]):
    """Plays an environment of Gymnasium: `class Pole(GymnasiumEnvironment[PoleAction, PoleObservation, State])`.

    The models have a field `action` and a field `observation` of the space's kind, or one for each key of a `Dict`
    space. An observation may have a field `truncated`. What Gymnasium tells beside it is in its metadata.

    Attributes:
        GYMNASIUM_ID: What `gymnasium.make` is given.
    """

    SUPPORTS_CONCURRENT_SESSIONS = True
    GYMNASIUM_ID: ClassVar[str] = ""

    def __init__(self, **options: Any) -> None:
        """Make the environment.

        Args:
            **options: Further arguments of `gymnasium.make`.

        Raises:
            MissingExtraError: Gymnasium is not installed.
            ConfigurationError: The class names no environment that Gymnasium can make.
        """
        super().__init__()
        self._world = _made(type(self), options)
        self._observation_class = cast("type[_ObsT]", declared_models(type(self)).get("observation", Observation))
        self._is_over = False
        self._state = self._begun(None)

    @staticmethod
    def action_fields(space: gymnasium.Space[Any], action: Any) -> dict[str, Any]:
        """Return the fields of the model for an action of a space, as a policy made for Gymnasium gives it."""
        from ._gymnasium_spaces import fields_of

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
        seen, info = self._world.reset(seed=seed, options=options)
        self._is_over = False
        self._state = self._begun(episode_id)
        return self._observed(seen, info, None, terminated=False, truncated=False)

    def step(self, action: _ActT, timeout_s: float | None = None) -> _ObsT:
        """Act.

        Raises:
            ValueError: The action is not one of the space.
            RuntimeError: The episode is over.
        """
        from ._gymnasium_spaces import value_of

        if self._is_over:
            raise RuntimeError("the episode is over: reset begins another")
        space = self._world.action_space
        chosen = value_of(space, action.model_dump(exclude=_NOT_OF_THE_SPACE), "action")
        if not space.contains(chosen):
            raise ValueError(f"expected an action of {space}, got {chosen!r}")
        seen, reward, terminated, truncated, info = self._world.step(chosen)
        self._is_over = bool(terminated or truncated)
        self._state.step_count += 1
        return self._observed(seen, info, float(reward), terminated=bool(terminated), truncated=bool(truncated))

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

    def _observed(self, seen: Any, info: Any, reward: float | None, *, terminated: bool, truncated: bool) -> _ObsT:
        from ._gymnasium_spaces import fields_of, plain

        fields = fields_of(self._world.observation_space, seen, "observation")
        if "truncated" in self._observation_class.model_fields:
            fields["truncated"] = truncated
        return self._observation_class(**fields, reward=reward, done=terminated or truncated, metadata=plain(info))


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
