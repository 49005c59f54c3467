"""The model of cost and limits (B8): counted by running the code, times a dated price file."""
