"""What an account has for a cluster: each module reads one part of it."""
