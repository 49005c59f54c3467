"""The pages of teachers, students and administrators (M9–M18)."""
