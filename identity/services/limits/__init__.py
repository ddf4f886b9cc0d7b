"""Rate limits, counted in the database."""
