"""Solvers of the linear least-squares problem of a Gauss-Newton step."""
