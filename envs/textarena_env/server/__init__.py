"""The TextArena environment's server."""
