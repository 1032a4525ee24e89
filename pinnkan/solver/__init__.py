"""Least squares, levels and slabs: from residual rows to an accepted solution."""
