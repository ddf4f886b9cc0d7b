"""What administrators do with other accounts."""
