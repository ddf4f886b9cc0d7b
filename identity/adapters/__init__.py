"""Implementations of the ports, each with one library or socket. Only `wiring` selects them."""
