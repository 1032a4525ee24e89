"""Features of the formulas of a problem: narrow features, jumps, kinks and removable singularities."""
