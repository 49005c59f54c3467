"""Makes the zip of class data that a teacher asked for (B4)."""
