"""One environment and one client, written in what this package and openenv 0.10.0 have in common."""
