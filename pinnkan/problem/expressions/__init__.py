"""The expressions of a problem file: parsing to sympy, derivatives, evaluation on arrays, enclosures."""
