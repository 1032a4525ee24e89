"""The operators grad, div, lap and dn, made of total derivatives."""

from collections.abc import Sequence
from dataclasses import dataclass

import sympy

from pinnkan.problem.expressions.operators import JetSpace, OperatorError


@dataclass(frozen=True)
class Vector:
    """The components of a vector, one per space coordinate."""

    components: tuple[sympy.Expr, ...]


def gradient(space: JetSpace, expression: sympy.Expr) -> Vector:
    """The derivatives by the space coordinates."""
    if not space.space_axes:
        raise OperatorError("there is no coordinate of space here", "t is the only one: write dt(u) or u_t")
    return Vector(tuple(space.derivative(expression, axis) for axis in space.space_axes))


def divergence(space: JetSpace, vector: Vector) -> sympy.Expr:
    """The sum of the derivatives of the components."""
    pairs = zip(vector.components, space.space_axes, strict=True)
    return sympy.Add(*(space.derivative(component, axis) for component, axis in pairs))


def laplacian(space: JetSpace, expression: sympy.Expr) -> sympy.Expr:
    """The sum of the second derivatives by the space coordinates."""
    return divergence(space, gradient(space, expression))


def normal_derivative(space: JetSpace, expression: sympy.Expr, normal: Sequence[sympy.Expr | float]) -> sympy.Expr:
    """The derivative along the outward ``normal`` of a boundary, which has one component per coordinate."""
    return sympy.Add(*(n * space.derivative(expression, axis) for axis, n in enumerate(normal) if n != 0))
