"""One block on all coordinates: the tensor-product spline space."""
