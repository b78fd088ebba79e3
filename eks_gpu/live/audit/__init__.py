"""What a destroyed stack has left in its account."""
