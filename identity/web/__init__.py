"""The door: everything HTTP that all tongues share, and nothing that only one of them says."""
