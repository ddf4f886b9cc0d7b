"""Around every request: request ids, fixed headers, metrics, the fast path, early checks."""
