"""Tensor-product splines in coordinates rotated or warped to follow a front."""
