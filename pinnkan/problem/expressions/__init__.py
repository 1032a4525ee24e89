"""Expressions of the user: text to sympy, its derivatives, and arrays of its values."""
