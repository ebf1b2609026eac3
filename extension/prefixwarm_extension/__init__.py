"""What runs in the init phase: standard library and `prefixwarm.core` only."""
