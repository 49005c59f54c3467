"""Makes the zip that a teacher takes along before a class is deleted (B4)."""
