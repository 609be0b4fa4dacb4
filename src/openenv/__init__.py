"""Build, serve and use reinforcement learning environments."""

__all__ = ["__version__"]

__version__ = "0.11.0"
