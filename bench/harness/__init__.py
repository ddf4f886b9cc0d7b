"""What the measurements share: servers, load, accounts and sessions, settings, and output."""
