"""Mutants: correct plans, each broken in one harmful way, to test whether a check detects it.

`python -m mutants` breaks the recorded graphs of every program with every operator. An operator is data: what it looks
for, what it changes, and how that hurts. One that would change nothing for anybody is none.
"""
