"""What each field of a request does to the provider's cache: a table, and its reader."""
