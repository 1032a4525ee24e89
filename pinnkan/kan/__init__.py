"""The function space: B-spline edges, their jets, and the networks made of them."""
