"""The tables and how the two databases are used. Business rules do not belong here."""
