"""Least-squares rows of equations and conditions at points, kept as tensor products where possible."""
