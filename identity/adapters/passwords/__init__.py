"""Password hashing: Argon2, the hashes of other systems, and the admission queue."""
