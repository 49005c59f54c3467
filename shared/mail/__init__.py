"""Mail: what a message is, and the one way it leaves."""
