"""Attaches the layer to an existing function, however it was deployed, and detaches it again."""
