"""Programs that run in a process of their own, by the interpreter of the side that they belong to."""
