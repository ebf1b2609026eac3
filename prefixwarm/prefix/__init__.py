"""A shared prefix: its file, its warm request, and comparisons of requests with it."""
