"""The library for any Python process: warm a prefix, keep it warm, measure it, cap its cost."""
