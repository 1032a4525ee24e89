"""The domain of a problem: its interior, its boundary with normals, samples of both, and its bounding box."""
