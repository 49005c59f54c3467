"""The pages that teachers, students and administrators meet (M9–M18)."""
