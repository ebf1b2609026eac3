"""What any Python process may use: warm a prefix, keep it warm, measure it, cap what it costs."""
