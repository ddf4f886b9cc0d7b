"""The `identity` command. What it needs comes in with `identity.cli.main`."""
