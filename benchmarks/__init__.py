"""Timings as ratios within one run: a machine's speed cancels out."""
