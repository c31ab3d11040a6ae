"""What an engine can do of a network: `check` has all constraints, the other files are what they are about."""
