"""The WSGI layer: request ids, fixed headers, metrics, the fast path, checks before routing."""
