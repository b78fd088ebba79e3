"""What runs, read and never changed: a cluster through its API server, an account through AWS, and current prices.

Nothing here writes, and nothing is guessed: what may not be read is a row of `unread`, with the permission it takes.
"""
