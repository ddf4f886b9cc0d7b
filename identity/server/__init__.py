"""The HTTP servers: granian, gunicorn for TLS, and their processes."""
