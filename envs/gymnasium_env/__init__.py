"""The Gymnasium environment: any environment of Gymnasium, played over OpenEnv."""

from gymnasium_env.client import GymnasiumEnv
from gymnasium_env.models import GymnasiumAction, GymnasiumObservation, GymnasiumState

__all__ = ["GymnasiumAction", "GymnasiumEnv", "GymnasiumObservation", "GymnasiumState"]
