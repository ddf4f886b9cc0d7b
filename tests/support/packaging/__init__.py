"""What is published, built and run as a release has it."""
