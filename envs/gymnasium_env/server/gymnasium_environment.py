"""Plays any environment of Gymnasium's registry."""

import os
from functools import partial
from typing import Annotated, Any
from uuid import uuid4

from pydantic import AfterValidator, Field, WithJsonSchema, create_model

from gymnasium_env.models import GymnasiumAction, GymnasiumObservation, GymnasiumState, Render
from gymnasium_env.server.rendering import check_can_render, rendered
from gymnasium_env.server.rewards import GymnasiumReward
from gymnasium_env.server.settings import GymnasiumSettings
from gymnasium_env.server.worlds import World, action_meanings, make_world, render_modes
from openenv.core.env_server.environment_spec import EnvironmentSpec
from openenv.core.env_server.gymnasium_environment import GymnasiumEnvironment
from openenv.core.env_server.gymnasium_schemas import space_schema
from openenv.core.env_server.gymnasium_spaces import space_value
from openenv.core.exceptions import ConfigurationError, InvalidRequestError

__all__ = ["RegistryEnvironment", "spec_of"]


class RegistryEnvironment(GymnasiumEnvironment[GymnasiumAction, GymnasiumObservation, GymnasiumState]):
    """Plays an environment of Gymnasium: CartPole, FrozenLake, Atari or any other that is installed."""

    def __init__(self, settings: GymnasiumSettings | None = None) -> None:
        """Make the environment that the settings name.

        Args:
            settings: What to play, and what clients may choose; by default what environment variables say.

        Raises:
            ConfigurationError: Gymnasium cannot make it.
        """
        self._settings = settings or GymnasiumSettings.from_environ(os.environ)
        self._reward = GymnasiumReward()
        super().__init__(make_world(self._settings.id, self._settings.options), rubric=self._reward)

    def reset(
        self,
        seed: int | None = None,
        episode_id: str | None = None,
        options: dict[str, Any] | None = None,
        id: str | None = None,
        render: Render = None,
    ) -> GymnasiumObservation:
        """Begin an episode.

        Args:
            seed: What makes it the same each time.
            episode_id: Its name.
            options: Those of Gymnasium's reset.
            id: What to play from now on, if the server allows that; by default what was played before.
            render: How to show the beginning; by default as the server does.

        Raises:
            InvalidRequestError: The server does not allow the id, or it cannot be rendered so.
        """
        how = self._how(render)
        before, world = self._world, self._world_of(id)
        try:
            check_can_render(world, how)
            observation = self._reset_in(world, seed, episode_id, options)
        finally:
            if world is not before:
                unused = before if self._world is world else world
                unused.close()
        return observation.model_copy(update=rendered(world, how))

    def step(self, action: GymnasiumAction, timeout_s: float | None = None) -> GymnasiumObservation:
        """Act.

        Raises:
            InvalidRequestError: The action is none of the space, or what comes of it cannot be rendered as it asks.
            RuntimeError: The episode is over.
        """
        how = self._how(action.render)
        check_can_render(self._world, how)
        observation = super().step(action, timeout_s)
        return observation.model_copy(update=rendered(self._world, how))

    @property
    def state(self) -> GymnasiumState:
        """Return where the episode stands, and what may be done."""
        return self._state.model_copy(update={"episode_return": self._reward.episode_return})

    def _begun(self, episode_id: str | None) -> GymnasiumState:
        world = self._world
        return GymnasiumState(
            episode_id=episode_id or uuid4().hex,
            id=world.spec.id if world.spec else "",
            action_space=space_schema(world.action_space),
            observation_space=space_schema(world.observation_space),
            action_meanings=action_meanings(world),
            render_modes=render_modes(world),
        )

    def _how(self, render: Render) -> Render:
        return self._settings.render if render is None else render

    def _world_of(self, gymnasium_id: str | None) -> World:
        """Return what is played, or another world that a client asks for."""
        if gymnasium_id is None or gymnasium_id == self._state.id:
            return self._world
        settings = self._settings
        if not settings.allows(gymnasium_id):
            known = ", ".join(map(repr, (settings.id, *settings.allowed)))
            raise InvalidRequestError(f"this server does not play {gymnasium_id!r}: it plays {known}")
        try:
            return make_world(gymnasium_id, settings.options if gymnasium_id == settings.id else {})
        except ConfigurationError as error:
            raise InvalidRequestError(str(error)) from error


def spec_of(settings: GymnasiumSettings) -> EnvironmentSpec:
    """Return what a server with these settings serves: where it plays one environment, its spaces are in the schemas.

    Args:
        settings: What to play, and what clients may choose.

    Raises:
        ConfigurationError: Gymnasium cannot make it.
    """
    factory = partial(RegistryEnvironment, settings)
    if settings.allowed:
        return EnvironmentSpec.of(factory, name="gymnasium_env")
    world = make_world(settings.id, settings.options)
    try:
        return EnvironmentSpec.of(
            factory, _action_model(world), _observation_model(world), state=GymnasiumState, name="gymnasium_env"
        )
    finally:
        world.close()


def _action_model(world: World) -> type[GymnasiumAction]:
    """Return the model of actions whose field has the schema of the action space, and takes nothing else."""
    space = world.action_space

    def checked(value: Any) -> Any:
        space_value(space, value)
        return value

    kind: Any = Annotated[Any, AfterValidator(checked), WithJsonSchema(space_schema(space))]
    described = Field(description=f"A value of {space}.")
    return create_model("GymnasiumAction", __base__=GymnasiumAction, action=(kind, described))


def _observation_model(world: World) -> type[GymnasiumObservation]:
    # Without bounds: CartPole's last observation lies beyond those that it tells.
    schema = space_schema(world.observation_space, with_bounds=False)
    kind: Any = Annotated[Any, WithJsonSchema(schema)]
    described = Field(description=f"A value of {world.observation_space}.")
    return create_model("GymnasiumObservation", __base__=GymnasiumObservation, observation=(kind, described))
