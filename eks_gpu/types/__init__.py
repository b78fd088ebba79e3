"""The search for instance types that meet a need."""
