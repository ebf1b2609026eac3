"""The rules of `check`: find what would keep a prefix from being cached or read."""
