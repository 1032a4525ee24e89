"""Iterations that minimise a nonlinear least-squares loss."""
