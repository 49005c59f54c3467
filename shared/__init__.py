"""The domain of account linking, and the stores behind it."""
