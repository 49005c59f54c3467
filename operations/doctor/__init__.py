"""Looks at a stack, local or deployed, and says of each thing whether it is in order and, if not, what to do."""
