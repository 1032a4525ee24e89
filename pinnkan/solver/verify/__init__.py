"""Checks of a solution whose error estimate is below the tolerance, whatever family of networks it comes from."""
