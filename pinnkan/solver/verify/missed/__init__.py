"""What lies between points and knots: features of formulas, and products of all coordinates."""
