"""Measures in a real AWS account what the local cloud cannot show, and leaves nothing behind."""
