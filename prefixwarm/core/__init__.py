"""What the init phase needs: standard library only."""
