"""Checks of `prefixwarm doctor`: this machine, the account, a deployment, prefix files."""
