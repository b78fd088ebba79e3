"""The pools of a stack, read from what it registered, whoever wrote the program."""
