"""One server made of several processes, as `openenv serve --workers` starts them.

The front accepts connections and hands each to one of the replicas, which are servers like any other and answer it
themselves. What has to be true for the whole is asked of the front: who gets a slot, where a session lives. A request
that reaches a replica which does not hold its session is passed on to the one that does.

Not to be confused with `workers`: there a process holds the environment of one session (`isolation="process"`), here it
holds a whole server.
"""

__all__: list[str] = []
