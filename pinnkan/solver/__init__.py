"""From residual rows to an accepted solution: least squares, levels of knot refinement, slabs of time."""
