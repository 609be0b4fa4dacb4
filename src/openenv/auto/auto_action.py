"""Action classes by an environment's name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._discovery import installed_environments
from ._resolution import environment_named

__all__ = ["AutoAction", "ListedAction"]


@dataclass(frozen=True)
class ListedAction:
    """The action class of an installed environment, as its files tell it.

    Attributes:
        environment: The environment's name: `echo`.
        action: The class's name: `EchoAction`; empty where the files do not tell.
        package: The environment's import name: `echo_env`.
        problem: Why the environment cannot be used; empty where nothing is known.
    """

    environment: str
    action: str
    package: str
    problem: str = ""


class AutoAction:
    """Finds the action class of an environment by name: `EchoAction = AutoAction.from_env("echo")`.

    See `AutoEnv` for the names.
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Refuse: there is nothing to keep."""
        raise TypeError("AutoAction has no instances: call AutoAction.from_env('echo') for the action class")

    @classmethod
    def from_env(
        cls, name: str, skip_install: bool = False, *, trust_remote_code: bool = False, revision: str | None = None
    ) -> type[Any]:
        """Return the class of an environment's actions: `CallToolAction` where they are tool calls.

        Args:
            name: The name of an installed environment, or of a Space, whose package is installed if need be.
            skip_install: Whether to do without the environment's package: the class is `GenericAction` then.
            trust_remote_code: Whether a package may be installed; `OPENENV_TRUST_REMOTE_CODE=1` says the same.
            revision: The branch, tag or commit of the Space.

        Raises:
            EnvironmentNotFoundError: No installed environment has the name.
            ConfigurationError: The class cannot be imported or told.
            UntrustedCodeError: The Space's package is not installed, and nobody agreed to that.
            ProviderError: The Space's package could not be installed.
            HubError: The Hub does not give the Space, or cannot be reached.
        """
        if skip_install:
            from ..core.generic_client import GenericAction

            return GenericAction
        from ._classes import action_class

        return action_class(environment_named(name, revision, trust_remote_code=trust_remote_code))

    @classmethod
    def from_hub(cls, env_name: str, skip_install: bool = False, **options: Any) -> type[Any]:
        """Do what `from_env` does, under its other name."""
        return cls.from_env(env_name, skip_install, **options)

    @classmethod
    def get_action_info(
        cls, name: str, *, trust_remote_code: bool = False, revision: str | None = None
    ) -> dict[str, Any]:
        """Return what is known of an environment's actions: classes, package, JSON schemas.

        Arguments and errors are those of `from_env`.
        """
        from ._classes import action_class, model_schema, observation_class

        found = environment_named(name, revision, trust_remote_code=trust_remote_code)
        action, observation = action_class(found), observation_class(found)
        return {
            "env_key": found.name,
            "env_name": found.manifest.name or found.package,
            "package": found.distribution,
            "action_class": action.__name__,
            "observation_class": observation.__name__,
            "module": action.__module__,
            "action_schema": model_schema(action),
            "observation_schema": model_schema(observation),
        }

    @classmethod
    def list_actions(cls) -> list[ListedAction]:
        """Print a table of the installed environments' action classes, and return them. None of their code runs."""
        from ._exported_names import action_name
        from ._table import format_table

        listed = [
            ListedAction(each.name, action_name(each), each.package, each.problem) for each in installed_environments()
        ]
        rows = [[each.environment, each.action or "-", each.problem or each.package] for each in listed]
        print(format_table(["environment", "action", "package"], rows))  # noqa: T201 - its purpose
        return listed
