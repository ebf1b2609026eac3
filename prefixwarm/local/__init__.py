"""Runs the whole system on this machine, with no account: a local cloud and the demo."""
