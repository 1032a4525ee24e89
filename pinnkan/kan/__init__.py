"""The function spaces: B-spline edges, their derivatives, and the networks made of them."""
