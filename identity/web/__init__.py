"""The HTTP code that all dialects share."""
