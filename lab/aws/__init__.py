"""AWS without an account: moto in a process of ours, and stand-in Pulumi providers that make their objects in it."""
