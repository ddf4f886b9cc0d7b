"""Code for SQLite only."""
