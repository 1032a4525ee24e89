"""Families of networks: each one starts, minimises, estimates its error, and refines."""
