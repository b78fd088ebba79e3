"""What an account allows of a plan, asked before `pulumi up`. Nothing here creates or changes anything."""
