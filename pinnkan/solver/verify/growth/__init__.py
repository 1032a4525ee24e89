"""Growth rates of waves: of equations, of the conditions of sides, and over a slab of time."""
