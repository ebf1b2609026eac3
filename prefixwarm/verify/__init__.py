"""Settles on the real services what this project could only assume: `scripts/verify-*`."""
