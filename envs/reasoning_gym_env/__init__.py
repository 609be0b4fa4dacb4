"""The reasoning-gym environment: questions that are made by procedures, with answers that can be verified."""

from reasoning_gym_env.client import ReasoningGymEnv
from reasoning_gym_env.models import DatasetShare, ReasoningGymAction, ReasoningGymObservation, ReasoningGymState

__all__ = ["DatasetShare", "ReasoningGymAction", "ReasoningGymEnv", "ReasoningGymObservation", "ReasoningGymState"]
