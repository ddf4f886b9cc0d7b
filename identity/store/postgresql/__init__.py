"""What is particular to PostgreSQL."""
