"""The composition root: builds the application and its services, and decides nothing."""
