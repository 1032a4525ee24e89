"""Proofs about a computed function: the residual from above, the stability constant from below, by intervals."""
