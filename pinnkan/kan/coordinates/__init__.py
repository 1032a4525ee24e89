"""Blocks in coordinates of their own."""
