"""Numbers found together with the solution."""
