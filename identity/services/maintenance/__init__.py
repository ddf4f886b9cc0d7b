"""What keeps a running service healthy: schema, keys, readiness, deletion of expired rows."""
