"""Functions beyond the knots of a solve that the equations hardly see: a smallest-Rayleigh-quotient search of rank one.

With J the linearised equations and conditions, sigma = min |J v| / |v| is sought among products

    v = phi_1(x_1) .. phi_d(x_d),    phi_i in splines finer than those of the solve, and graded towards the ends.

All factors but one run through waves (the eigenfunctions of a string with the same ends held); the best last factor is
then a small dense problem: at each of its nodes the rows of the other coordinates are compressed by a QR factorisation,
so that nothing is squared and ratios near the rounding unit are seen. On a line that is sigma itself. The best product
is then sought again on finer knots, factor by factor in turn: a value that goes on falling belongs to a function that
no knots hold. Around a circle a wave is a cosine and a sine, each with a last factor of its own: what a transport
carries around for ever is one of those. What it finds without being told: data all around a wave equation, Cauchy
problems, resonances, turning points, layers that nothing holds. What it finds is an upper bound; a mode that is far
from a product may be missed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import isclose

from pinnkan.assembly.model import Model
from pinnkan.kan.field import Array, Field
from pinnkan.solver.verify.neutral import has_characteristics
from pinnkan.solver.verify.products.lattice import Fineness, Found, Lattice, lattice_of

#: By number of coordinates: the first look, waves that are tried in each coordinate (from a constant on), finer looks
#: at the best of them. A wave has 1.5 intervals per half wave at least in the plane, and 3 and 6 when looked at again.
LOOKS = {1: (Fineness(48, 4, 5), 0, 2), 2: (Fineness(24, 4, 5), 16, 2), 3: (Fineness(6, 2, 5), 2, 1)}
#: The same of a single unknown in the plane whose equation is elliptic nowhere, or not everywhere, where waves may be
#: hardly seen however fine they are: y u_xx + u_yy does not see sin(7 pi x) times a function of Airy's, of which the
#: look above had 0.80, as the knots of a solve, this one 1e-2 and then 9e-9.
WAVY = Fineness(32, 4, 8), 24, 2
#: The share of its terms below which a wave is at its resonance there: of waves with data all around on sides that are
#: rational the first look has 5e-12, and all others no less.
RESONANT = 1e-10
#: Waves tried at a finer look, added to the number of the best: of Cauchy problems the worst is the highest resolved.
FURTHER = (0, 1, 2, 4)
#: Most knots of a line: the rows are dense.
MOST = 100
#: Products that are looked at again: the best may be a constant that a mean holds, others fall.
BEST = 3
#: Sweeps over the factors of a finer look.
SWEEPS = 1
#: A value has settled when a finer look finds no less than this share of it.
SETTLED = 0.7
#: A residual that is not clear of rounding is believed where two looks AGREE on it. A mode of a beam next to its
#: eigenvalue had 4 roundings, and 1.7 on knots where it had 2.2 on coarser ones, of 2e-7 in truth.
#: What is ``known`` already is another look: a cantilever of varying stiffness had 14.54 as well as 14.52.
AGREE = 0.05


@dataclass(frozen=True)
class Probe:
    """``sigma``: the least residual of a function of size one; ``share``: of its terms.

    ``settled``: whether finer knots find no less; ``lost``: whether rounding hides what is less.
    """

    sigma: float
    share: float
    settled: bool
    lost: bool


def probe(model: Model, field: Field, known: float) -> Probe | None:
    """The least determined product at a steady field; None in more coordinates, on more knots, than are looked at.

    ``known``: a sigma that was found elsewhere; nothing is looked at again that is not below it.

    Raises OutOfTimeError: the time limit is over.
    """
    dimension = len(model.problem.box.ranges)
    if dimension not in LOOKS or (dimension == 1 and len(field.breaks(0)) > MOST):
        return None
    return _of_linear(model, known) if model.is_linear and dimension > 1 else _probed(model, field, known)


@lru_cache(maxsize=2)
def _of_linear(model: Model, known: float) -> Probe:
    """Of linear equations off a line, whose knots say nothing: whatever the field."""
    return _probed(model, None, known)


def _probed(model: Model, field: Field | None, known: float) -> Probe:
    dimension = len(model.problem.box.ranges)
    is_wavy = len(model.problem.unknowns) == 1 and has_characteristics(model, field)
    fineness, count, finer = WAVY if is_wavy else LOOKS[dimension]
    lattice = lattice_of(model, field, fineness, count)
    tried = []
    for last in range(dimension):
        for waves in product(*[range(1) if i == last else x.numbers for i, x in enumerate(lattice.lines)]):
            model.clock.check()
            tried.append((lattice.best(_products(lattice, waves, last), last), waves, last))
    tried = sorted(tried, key=lambda t: t[0].sigma)[:BEST]
    found = tried[0][0]
    settled = found.sigma > SETTLED * known
    agrees = isclose(found.sigma, known, rel_tol=AGREE)
    for _ in range(0 if settled else finer):
        model.clock.check()
        fineness, before, looked = fineness.finer(), found, lattice
        lattice = lattice_of(model, field, fineness, count + finer * max(FURTHER) if count else 0)
        again = []
        for _, waves, last in tried:
            higher = [tuple(w + more * (i != last) for i, w in enumerate(waves)) for more in FURTHER]
            again += [(w, last) for w in (higher if count else higher[:1])]
        tried = [(_polished(lattice, *of), *of) for of in dict.fromkeys(again)]
        tried = sorted(tried, key=lambda t: t[0].sigma)[:BEST]
        found = tried[0][0]
        agree = abs(found.sigma - before.sigma) <= AGREE * before.sigma
        if dimension == 1 and found.sigma > (1.0 + AGREE) * before.sigma:
            return _on_fewer(model, field, looked, before)
        settled = agree or (found.sigma > SETTLED * before.sigma and found.clear)
        if settled or not found.clear:
            found = min(before, found, key=lambda f: f.sigma)
            break
    lost = (found.lost and not agrees) or (is_wavy and found.share < RESONANT)
    return Probe(found.sigma, found.share, settled, lost)


def _on_fewer(model: Model, field: Field | None, lattice: Lattice, found: Found) -> Probe:
    """What to believe on a line where finer knots, which hold all that those of a ``lattice`` do, find more than these.

    That is rounding, and what was ``found`` may be, too: fewer knots find less then, until two looks agree. A beam next
    to its eigenvalue had 8.7, 5.4, 1.016 and 1.004 of 1 in truth, all of them clear. A clamped column at its Euler load
    had 6e-4, 1e-4 and 2e-3: nothing holds it.
    """
    fineness, is_rounding = LOOKS[1][0], False
    while True:
        fineness, size = fineness.coarser(), lattice.free.size
        lattice = lattice_of(model, field, fineness, 0)
        if lattice.free.size == size:
            return Probe(found.sigma, found.share, found.clear and not is_rounding, found.lost or is_rounding)
        fewer = lattice.best(_products(lattice, (0,), 0), 0)
        if abs(fewer.sigma - found.sigma) <= AGREE * found.sigma:
            return Probe(min(fewer.sigma, found.sigma), found.share, True, False)
        if fewer.sigma > found.sigma:
            return Probe(found.sigma, found.share, False, found.lost or is_rounding)
        found, is_rounding = fewer, True


def _products(lattice: Lattice, waves: Sequence[int], last: int) -> list[list[Array]]:
    """Waves as factors (function, unknown) of one or several products; that of the last coordinate is not used."""
    pairs = zip(lattice.lines, waves, strict=True)
    factors = [[x.root[:1].T] if i == last else x.wave(k) for i, (x, k) in enumerate(pairs)]
    return [list(p) for p in product(*factors)]


def _polished(lattice: Lattice, waves: Sequence[int], last: int) -> Found:
    """The best product near some waves, one factor after the other."""
    products = _products(lattice, waves, last)
    found, factors = lattice.best(products, last), products[0]
    # of several unknowns each has a factor of its own, and so has each of a pair
    if len(factors) == 1 or lattice.free.shape[-1] > 1 or len(products) > 1:
        return found
    for _ in range(SWEEPS * len(factors)):
        factors[last] = found.factor.T
        last = (last + 1) % len(factors)
        found = lattice.best([factors], last)
    return found
