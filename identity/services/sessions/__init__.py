"""Sessions: opening, finding, listing and revoking them."""
