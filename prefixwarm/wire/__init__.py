"""JSON, URLs, HTTP and SigV4 for the init phase. Standard library only."""
