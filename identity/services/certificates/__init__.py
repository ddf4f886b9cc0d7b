"""Client certificates: issuing, renewing, revoking."""
