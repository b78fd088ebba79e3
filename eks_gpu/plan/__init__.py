"""The plan of a stack: its resources, which pods its pools take, its cost, its checks, and what changed."""
