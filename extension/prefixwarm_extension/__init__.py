"""What runs in the init phase: the standard library, and the packages that warm."""
