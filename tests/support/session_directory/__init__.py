"""Nodes that share a database, and a model of what each of them must answer."""
