"""What is true of accounts and credentials, whoever asks and however it is stored. Standard library only."""
