"""The rules of `check`: find what keeps a prefix from being cached or read."""
