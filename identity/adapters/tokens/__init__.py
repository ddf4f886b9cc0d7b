"""The formats of tokens: how each kind is written and verified."""
