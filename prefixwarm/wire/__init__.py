"""What the init phase is built of: JSON, URLs, HTTP, SigV4. Standard library only."""
