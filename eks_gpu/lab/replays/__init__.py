"""Replays: systems run in the lab, and what they do is compared with what is expected."""
