"""The servers: granian, gunicorn for TLS, and the processes around them."""
