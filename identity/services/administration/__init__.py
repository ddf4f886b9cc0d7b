"""What administrators do with the accounts of others."""
