"""The reasoning-gym environment's server."""
