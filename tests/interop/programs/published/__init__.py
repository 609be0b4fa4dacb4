"""An environment project as it lies on the Hub: models, a client, and a server that imports both ways."""

from .client import GridEnv
from .models import GridAction, GridObservation, GridState

__all__ = ["GridAction", "GridEnv", "GridObservation", "GridState"]
