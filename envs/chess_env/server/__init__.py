"""The chess environment's server."""
