"""IAM roles, policies and access entries that components create."""
