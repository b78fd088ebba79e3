"""The network as a checked value, and the parts of a VPC."""
