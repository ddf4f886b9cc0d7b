"""Mails that are written in a transaction and sent afterwards."""
