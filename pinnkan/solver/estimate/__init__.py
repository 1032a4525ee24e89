"""Estimates and bounds of the error, and error indicators for refinement."""
