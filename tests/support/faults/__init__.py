"""Fault experiments: load, faults, a record of all calls, and the invariants."""
