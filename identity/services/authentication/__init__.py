"""Authentication of passwords and tokens."""
