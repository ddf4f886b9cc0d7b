"""Parses requests: credentials, hosts, bodies, paths and queries."""
