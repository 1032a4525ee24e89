"""Products of functions of one coordinate: their least residual, and their share of what a solution lacks."""
