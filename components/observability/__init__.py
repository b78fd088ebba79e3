"""Metrics of GPU nodes: which are scraped, what is computed of them, and dashboards and alerts, as plain data."""
