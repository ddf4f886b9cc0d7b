"""Password hashing: ours, those of other systems, and the queue before it."""
