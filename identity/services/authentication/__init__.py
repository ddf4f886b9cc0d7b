"""From a password or a token to a principal."""
