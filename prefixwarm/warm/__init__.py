"""One warm call: lease, send, record."""
