"""Maintenance of a service: schema, readiness, signing keys, deletion of expired rows."""
