"""The command line as ``python -m prefixwarm``."""

from prefixwarm.cli import main

main()
