"""The rules of `check`: what would keep a prefix from being cached or read."""
