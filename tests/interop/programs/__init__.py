"""Programs that run unchanged on openenv 0.10.0 and on this package; each is run in a process of its own."""
