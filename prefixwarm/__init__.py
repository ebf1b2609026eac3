"""Keeps prompt-cache prefixes of Claude agents on AWS Lambda warm, and only when that pays."""

__version__ = "0.1.0"

__all__ = ["__version__"]
