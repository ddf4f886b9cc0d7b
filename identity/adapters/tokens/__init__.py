"""The formats of tokens: how each kind is created and verified."""
