"""What lies between points and knots: features of formulas, waves, products."""
