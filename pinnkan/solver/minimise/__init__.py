"""Iterations that lower a nonlinear least-squares loss."""
