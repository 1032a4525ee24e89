"""Families of networks: each knows how to begin, to minimise, to estimate its error and to refine."""
