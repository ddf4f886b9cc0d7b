"""The outside, one library or socket each. Only `wiring` chooses among them."""
