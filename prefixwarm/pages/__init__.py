"""HTML pages that need nothing else: one style, one frame, drawings for phones and desks."""
