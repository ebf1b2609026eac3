"""Builds the deployed zips: the layer, and the keep-warm function's code.

Both are built at release and shipped in the wheel, so that every machine deploys the same bytes.
In a checkout they are built on first use.
"""
