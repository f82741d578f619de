"""The acceptance scenarios, A1 to A27, each one as a test: README.md says which is where."""
