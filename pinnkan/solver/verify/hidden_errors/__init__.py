"""Errors that training points or knots do not show: narrow features, and products of all coordinates."""
