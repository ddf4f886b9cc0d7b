"""Signing keys: where they are stored and which of them are active."""
