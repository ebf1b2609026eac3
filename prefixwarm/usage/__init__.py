"""What a reply billed, whichever provider sent it: one reader of all usage fields."""
