"""Functions with a small residual that the knots of a solve do not hold: a rank-one search for the smallest quotient.

With J the linearised equations and conditions, sigma = min |J v| / |v| is sought among products

    v = phi_1(x_1) .. phi_d(x_d),    phi_i in splines finer than those of the solve, graded towards the ends.

All factors but one run through waves, the eigenfunctions of a string with the same ends fixed. The best remaining
factor is a small dense problem, of rows that a QR factorisation compresses at each of its nodes; nothing is squared, so
that ratios near the rounding unit are resolved. The best products are improved on finer knots, factor by factor. A
value that goes on falling belongs to a function that no knots hold. On a circle a wave is a cosine and a sine, each
with a factor of its own. The value is an upper bound: a function far from any product may be missed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import isclose

from pinnkan.assembly.model import Model
from pinnkan.kan.field import Array, Field
from pinnkan.solver.verify.neutral_waves import has_real_characteristics
from pinnkan.solver.verify.products.lattice import BestFactor, Fineness, Lattice, build_lattice

#: By number of coordinates: fineness of the first search, waves tried per coordinate, number of finer searches.
SEARCHES = {1: (Fineness(48, 4, 5), 0, 2), 2: (Fineness(24, 4, 5), 16, 2), 3: (Fineness(6, 2, 5), 2, 1)}
#: The same of one unknown in the plane with real characteristics, where fine waves may have small residuals: y u_xx +
#: u_yy has 1e-8 for sin(7 pi x) times an Airy function, of which the search above finds 0.80.
WAVE_SEARCH = Fineness(32, 4, 8), 24, 2
#: A wave is resonant if its residual is below this share of its terms: waves with data all around rational sides have
#: 5e-12, all others more.
RESONANT = 1e-10
#: Added to the wave numbers of the best products at a finer search: of Cauchy problems the finest wave is worst.
WAVE_INCREMENTS = (0, 1, 2, 4)
#: Most knots of a line: the rows are dense.
MOST_KNOTS = 100
#: Products that are improved.
KEPT_PRODUCTS = 3
#: Sweeps over the factors at a finer search.
SWEEPS = 1
#: A value has settled if a finer search finds at least this share of it.
SETTLED = 0.7
#: A residual near rounding is believed if two searches agree to this share; ``known`` counts as one.
AGREEMENT = 0.05


@dataclass(frozen=True)
class Probe:
    """The least residual ``sigma`` of a function of size one, and its ``share`` of the terms.

    ``is_settled``: finer knots find no less; ``is_hidden``: rounding hides smaller values.
    """

    sigma: float
    share: float
    is_settled: bool
    is_hidden: bool


def probe(model: Model, field: Field, known_sigma: float) -> Probe | None:
    """Return the product with the least residual at a steady field; None on shapes, with many coordinates or knots.

    ``known_sigma``: a sigma found elsewhere; only smaller values are searched further. Raises OutOfTimeError.
    """
    dimension = len(model.problem.box.ranges)
    if (
        not model.problem.is_on_box
        or dimension not in SEARCHES
        or (dimension == 1 and len(field.breaks(0)) > MOST_KNOTS)
    ):
        return None
    return (
        _probe_linear(model, known_sigma) if model.is_linear and dimension > 1 else _search(model, field, known_sigma)
    )


@lru_cache(maxsize=2)
def _probe_linear(model: Model, known_sigma: float) -> Probe:
    """The probe of linear equations off a line, which does not depend on the field."""
    return _search(model, None, known_sigma)


def _search(model: Model, field: Field | None, known_sigma: float) -> Probe:
    dimension = len(model.problem.box.ranges)
    is_wavy = len(model.problem.unknowns) == 1 and has_real_characteristics(model, field)
    fineness, count, finer = WAVE_SEARCH if is_wavy else SEARCHES[dimension]
    lattice = build_lattice(model, field, fineness, count)
    tried = []
    for last in range(dimension):
        for waves in product(*[range(1) if i == last else x.numbers for i, x in enumerate(lattice.bases)]):
            model.clock.check()
            tried.append((lattice.best_factor(_wave_products(lattice, waves, last), last), waves, last))
    tried = sorted(tried, key=lambda t: t[0].sigma)[:KEPT_PRODUCTS]
    found = tried[0][0]
    settled = found.sigma > SETTLED * known_sigma
    agrees = isclose(found.sigma, known_sigma, rel_tol=AGREEMENT)
    for _ in range(0 if settled else finer):
        model.clock.check()
        fineness, before, looked = fineness.finer(), found, lattice
        lattice = build_lattice(model, field, fineness, count + finer * max(WAVE_INCREMENTS) if count else 0)
        again = []
        for _, waves, last in tried:
            higher = [tuple(w + more * (i != last) for i, w in enumerate(waves)) for more in WAVE_INCREMENTS]
            again += [(w, last) for w in (higher if count else higher[:1])]
        tried = [(_improve(lattice, *of), *of) for of in dict.fromkeys(again)]
        tried = sorted(tried, key=lambda t: t[0].sigma)[:KEPT_PRODUCTS]
        found = tried[0][0]
        agree = isclose(found.sigma, before.sigma, rel_tol=AGREEMENT)
        if dimension == 1 and found.sigma > (1.0 + AGREEMENT) * before.sigma:
            return _search_coarser(model, field, looked, before)
        settled = agree or (found.sigma > SETTLED * before.sigma and found.is_clear)
        if settled or not found.is_clear:
            found = min(before, found, key=lambda f: f.sigma)
            break
    lost = (found.is_rounding and not agrees) or (is_wavy and found.share < RESONANT)
    return Probe(found.sigma, found.share, settled, lost)


def _search_coarser(model: Model, field: Field | None, lattice: Lattice, found: BestFactor) -> Probe:
    """The value on a line whose finer knots find more, by rounding: coarser knots until two of them agree."""
    fineness, is_rounding = SEARCHES[1][0], False
    while True:
        fineness, size = fineness.coarser(), lattice.free_mask.size
        lattice = build_lattice(model, field, fineness, 0)
        if lattice.free_mask.size == size:
            return Probe(found.sigma, found.share, found.is_clear and not is_rounding, found.is_rounding or is_rounding)
        fewer = lattice.best_factor(_wave_products(lattice, (0,), 0), 0)
        if isclose(fewer.sigma, found.sigma, rel_tol=AGREEMENT):
            return Probe(min(fewer.sigma, found.sigma), found.share, True, False)
        if fewer.sigma > found.sigma:
            return Probe(found.sigma, found.share, False, found.is_rounding or is_rounding)
        found, is_rounding = fewer, True


def _wave_products(lattice: Lattice, waves: Sequence[int], free_axis: int) -> list[list[Array]]:
    """Waves of given numbers as factors (function, unknown) of one or more products.

    That of ``free_axis`` is unused.
    """
    pairs = zip(lattice.bases, waves, strict=True)
    factors = [[x.mass_root[:1].T] if i == free_axis else x.wave(k) for i, (x, k) in enumerate(pairs)]
    return [list(p) for p in product(*factors)]


def _improve(lattice: Lattice, waves: Sequence[int], free_axis: int) -> BestFactor:
    """The best product near some waves: one factor after the other is replaced by the best one."""
    products = _wave_products(lattice, waves, free_axis)
    found, factors = lattice.best_factor(products, free_axis), products[0]
    # several unknowns, and pairs, have a factor each: no other is replaced
    if len(factors) == 1 or lattice.free_mask.shape[-1] > 1 or len(products) > 1:
        return found
    for _ in range(SWEEPS * len(factors)):
        factors[free_axis] = found.factor.T
        free_axis = (free_axis + 1) % len(factors)
        found = lattice.best_factor([factors], free_axis)
    return found
