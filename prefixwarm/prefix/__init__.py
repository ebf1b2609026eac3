"""A shared prefix: its file, its warm request, and how requests compare with it."""
