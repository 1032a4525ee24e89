"""Where a problem lives: what is inside, its boundary with normals, samples of both, and the box that holds it."""
