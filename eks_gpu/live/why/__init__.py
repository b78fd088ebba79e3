"""Why pods wait: what our rules say of each pool, and what the controllers say, joined to one cause."""
