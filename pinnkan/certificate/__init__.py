"""Proofs about a computed function by interval arithmetic: bounds of residual, inverse and error."""
