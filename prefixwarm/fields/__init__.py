"""What each request field does to the provider's cache: a table, and code that reads it."""
