"""The `identity` command. This package imports nothing, so that its modules load on demand."""
