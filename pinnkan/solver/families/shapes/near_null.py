"""The near-null function of a system on a shape: of L2 norm one over the domain, with the least residual."""

import numpy as np

from pinnkan.assembly.integral_rows import stack_rows
from pinnkan.kan.field import Array
from pinnkan.solver.families.shapes.system import ShapeSystem
from pinnkan.solver.linear.solver import ROUNDING_UNIT, RowProducts, require_finite
from pinnkan.solver.verify.stability import NearNull

#: Functions that are iterated together, and the steps of inverse iteration. Heuristic.
BLOCK_SIZE, STEPS = 4, 4


def find_near_null(system: ShapeSystem, coefficients: Array, start: Array | None = None) -> NearNull:
    """Return the near-null function, by inverse iteration with J^T J and the mass matrix of the domain.

    ``start``: that of a coarser space, as coefficients of this one: J^T J loses singular values below 1e-8 to rounding.
    How much of its image lies outside of the space is not asked: it counts as resolved. Raises
    numpy.linalg.LinAlgError where the rows do not determine the coefficients.
    """
    solver = system.linear_solver(coefficients)
    vectors = np.random.default_rng(0).standard_normal((solver.ordering.size, BLOCK_SIZE))
    sigma, free, values = 0.0, solver.ordering.free.numpy(), RowProducts(system.mass_rows(), solver.ordering)
    for step in range(STEPS):
        found = require_finite(solver.column_norms[:, None] * solver.backsolve(values.normal_product(vectors)))
        if start is not None and step == STEPS - 1:
            found = np.column_stack([solver.column_norms * start.reshape(-1)[free], found])
        vectors = np.linalg.qr(found)[0] / solver.column_norms[:, None]  # of a free function all have the same part
        triangle = np.asarray(np.linalg.qr(stack_rows(values.apply(vectors)), mode="r"))
        vectors = np.linalg.solve(triangle.T, vectors.T).T  # orthonormal in L2
        sizes, turned = np.linalg.svd(stack_rows(solver.apply(vectors)), full_matrices=False)[1:]
        vectors, sigma = vectors @ turned[::-1].T, float(sizes[-1])
    function, floor = system.all_coefficients(solver.ordering, vectors[:, 0]), solver.image_rounding(vectors[:, 0])
    if not sigma > floor:
        return NearNull(0.0, lambda: 1.0, coefficients=function, term_share=ROUNDING_UNIT)
    noise = float(solver.image_rounding(coefficients.reshape(-1)[free]) / np.sqrt(len(free)) / sigma)
    share = ROUNDING_UNIT * sigma / floor
    return NearNull(sigma, lambda: 0.0, noise, function, share, rounding_noise_by_row=lambda: noise)
