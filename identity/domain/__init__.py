"""Rules about accounts and credentials, independent of HTTP and storage. Standard library only."""
