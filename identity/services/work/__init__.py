"""What every use case stands on: the transaction, accounts, authorization, the audit log."""
