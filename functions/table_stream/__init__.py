"""Follows the table's stream: keeps the counts of each district's funnel."""
