"""Prometheus metrics, summed over the workers of one node."""
