"""The local stack and the demo: the same template, on this machine."""
