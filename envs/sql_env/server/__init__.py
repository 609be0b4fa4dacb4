"""The SQL environment's server."""
