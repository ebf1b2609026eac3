"""Reads what a reply billed, for any provider: one reader of all usage fields."""
