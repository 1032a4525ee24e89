"""The size of the terms of an equation at a field, to compare its residual with."""

import numpy as np

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.model import Model
from pinnkan.errors import SolverError
from pinnkan.kan.field import Array, Field, jets_at
from pinnkan.problem.features.subdivision import OVERFLOW_SIZE
from pinnkan.problem.statement import Jet
from pinnkan.problem.units.term_sizes import jet_sizes
from pinnkan.verdict.records import Reason

#: Random states at which coefficients are evaluated, and powers of ten of their sizes. Heuristic.
RANDOM_STATES, SIZE_EXPONENTS = 64, (-3.0, 3.0)
#: The least size of an unknown over its natural size: one that vanishes has rounding only. Heuristic.
NATURAL_SIZE_FLOOR = 1e-6
#: The largest term whose square float64 holds.
MAX_TERM = 1e153


def squared_residual_and_terms(equation: CompiledEquation, points: Array, jets: Array) -> tuple[Array, Array]:
    """Return the squared residual of an equation and the squared size of its terms, (..) each.

    ``points``: (.., coordinate); ``jets``: (.., jet). The size is F(0)^2 (0 where not finite) + sum_j (dF/dj j)^2; of a
    nonlinear F at most the sum of its squared terms.
    """
    residual, weights = equation.linearise_numpy(points, jets)
    data, _ = equation.linearise_numpy(points, np.zeros_like(jets))
    with np.errstate(over="ignore"):
        scale = np.where(np.isfinite(data), data, 0.0) ** 2 + ((weights * jets) ** 2).sum(-1)
        scale = scale if equation.is_linear else np.fmin(scale, equation.squared_terms_numpy(points, jets))
        return np.fmin(residual**2, OVERFLOW_SIZE), np.fmin(scale, OVERFLOW_SIZE)


def unknown_sizes(model: Model, field: Field, points: Array, previous_rms: Array | None = None) -> Array:
    """Root mean squares of unknowns at points; at least those ``previous_rms`` and a share of their natural sizes."""
    values = jets_at(field, points, [Jet(u, (0,) * points.shape[1]) for u in range(len(model.sizes))])
    known = 0.0 if previous_rms is None else np.where(np.isfinite(previous_rms), previous_rms, 0.0)
    return np.maximum(np.maximum(np.sqrt((values**2).mean(0)), known), NATURAL_SIZE_FLOOR * np.array(model.sizes))


def term_floor(model: Model, equation: CompiledEquation, linearisation: tuple[Array, Array], sizes: Array) -> float:
    """The largest term that unknowns of such ``sizes`` make over the whole box: a floor for the terms of an equation.

    ``linearisation``: points (point, coordinate) and the slopes of the equation by its jets there (point, jet). Slopes
    that depend on unknowns count as the least at these and random states: max(u, 0) may have none. Raises SolverError
    where the term has no square in float64.
    """
    points, slopes = linearisation
    known = np.array([not slope.free_symbols & set(equation.symbols) for slope in equation.slopes], dtype=bool)
    whole = jet_sizes(equation.jets, model.problem.box.lengths, sizes)
    found = np.nan_to_num(np.abs(slopes), posinf=0.0) * whole
    always = float(found.mean(0)[known].max(initial=0.0))
    if always > MAX_TERM:
        raise SolverError(f"a term is {always:.0e}: float64 has no squares beyond {MAX_TERM:.0e}", Reason.NOT_FINITE)
    if known.all():
        return always
    random, shape = np.random.default_rng(0), (RANDOM_STATES, len(whole))
    jets = whole * random.choice((-1.0, 1.0), shape) * 10.0 ** random.uniform(*SIZE_EXPONENTS, shape)
    with np.errstate(all="ignore"):
        others = np.abs(equation.linearise_numpy(np.resize(points, (RANDOM_STATES, points.shape[1])), jets)[1]) * whole
    states = np.concatenate([found, np.nan_to_num(others, nan=0.0)])
    return max(always, min(MAX_TERM, float(states[:, ~known].max(1).min())))
