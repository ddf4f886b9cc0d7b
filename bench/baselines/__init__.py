"""Minimal applications on the same server. A figure of the service is given as a ratio to one of
them.
"""
