"""The offline run: a project's program in this process, with a stand-in for the cloud."""
