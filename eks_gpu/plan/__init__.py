"""The plan of a stack: what it builds, admits and costs, and what changed."""
