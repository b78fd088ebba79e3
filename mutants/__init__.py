"""Mutants: healthy plans, each broken in one way that hurts, to see whether a check says so.

`python -m mutants` breaks the recorded graphs of every program with every operator. An operator is data: what it looks
for, what it changes, and how that hurts. One that would change nothing for anybody is none.
"""
