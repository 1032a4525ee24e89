"""Rows of domains immersed in the box of their splines, through the time of a slab."""
