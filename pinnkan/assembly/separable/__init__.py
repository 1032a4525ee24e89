"""Least-squares rows for sums of products of functions of one coordinate each, in any number of coordinates."""
