"""The offline run: a project's program runs in this process, with a simulated cloud."""
