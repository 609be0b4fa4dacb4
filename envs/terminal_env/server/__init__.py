"""The terminal environment's server."""
