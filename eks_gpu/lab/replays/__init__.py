"""Replays: systems brought up in the lab, and what they do held against what is expected."""
