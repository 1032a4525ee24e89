"""Shapes in the plane, their boundary curves, and exact quadrature of the cells that these cut."""
