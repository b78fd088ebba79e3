"""Pods as the scheduler sees them: requests, quantities, selectors, tolerations."""
