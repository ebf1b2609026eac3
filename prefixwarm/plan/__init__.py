"""Computes what keeping a prefix warm would cost and save, before you deploy anything."""
