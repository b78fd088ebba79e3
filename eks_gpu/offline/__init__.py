"""The offline run: a project's program runs with a simulated cloud, in this process or beside it."""
