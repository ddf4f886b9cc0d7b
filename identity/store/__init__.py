"""Rows: what is kept, and how the two databases are spoken to. No rules live here."""
