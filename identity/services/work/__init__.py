"""What every use case is built on: the transaction, accounts, authorization, the audit log."""
