"""Where two requests differ, as the provider's cache sees them; knows core alone."""
