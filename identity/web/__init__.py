"""The door: everything HTTP that all dialects share, and nothing that only one of them says."""
