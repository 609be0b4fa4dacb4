import functools

try:
    from openenv.core.env_server.http_server import create_app
except ImportError as error:
    raise ImportError("openenv is required: pip install openenv[core]") from error

try:
    from ..models import GridAction, GridObservation
    from .grid_environment import GridEnvironment
except ImportError:
    from models import GridAction, GridObservation  # type: ignore[import-not-found,no-redef]
    from server.grid_environment import GridEnvironment  # type: ignore[import-not-found,no-redef]

app = create_app(
    functools.partial(GridEnvironment, size=3),
    GridAction,
    GridObservation,
    env_name="grid_env",
    max_concurrent_envs=4,
)
