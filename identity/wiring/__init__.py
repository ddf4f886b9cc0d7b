"""The composition root: builds everything once, and decides nothing afterwards."""
