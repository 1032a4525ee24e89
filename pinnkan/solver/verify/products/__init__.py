"""Products of functions of one coordinate: what equations see of them, and what is left of a solution in them."""
