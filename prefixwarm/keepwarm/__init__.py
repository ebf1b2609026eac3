"""The scheduled function that keeps prefixes warm."""
