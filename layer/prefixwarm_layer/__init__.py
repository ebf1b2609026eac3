"""The zips that are deployed: the layer, and the keep-warm function's code.

Both are built at release and shipped in the wheel, so that every machine deploys the same
bytes; from a checkout they are built when first asked for.
"""
