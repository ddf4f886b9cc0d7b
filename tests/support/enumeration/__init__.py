"""Comparing calls for known and unknown accounts: answers, work and times."""
