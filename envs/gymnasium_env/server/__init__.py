"""The Gymnasium environment's server."""
