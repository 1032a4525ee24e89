"""Initial values that no condition gives, because equations without derivatives of these unknowns determine them.

Of w + z = v and w*z = 0.1 with v given, these are the values of w and z. They are roots of a small system at every
point, found by Newton's method from random guesses of all sizes and signs. That only one is found proves nothing.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy

from pinnkan.problem.checks.initial_values import (
    differentiate_in_space,
    initial_side,
    prescribed_initial_values,
    without_space_derivatives,
)
from pinnkan.problem.checks.sampling import Array, evaluate, point_in_words, points_at
from pinnkan.problem.expressions.functions import Magnitude, restore_zeros
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Equation, Jet, Problem, Side

#: The number of guesses, the powers of ten between which their sizes lie, and the most Newton steps from each.
GUESSES, GUESS_EXPONENTS, NEWTON_STEPS = 128, (-6.0, 6.0), 60
#: The largest residual at a root, as a share of its terms; the relative distance of different roots; the relative step
#: at which Newton's method ends.
ROOT_RESIDUAL, ROOT_DISTANCE, SMALLEST_STEP = 1e-9, 1e-5, 1e-14
#: Roots that differ by less are equal: the rounding of a root of zero.
ZERO_ROOT = 1e-20
#: Points at which roots are looked for; the residual, as a share of its terms, that is a contradiction.
POINTS, CONTRADICTION_SHARE = 3, 1e-6
#: Two distances from the start, as shares of the time, at which a factor is compared, and the factor by which it may
#: exceed the expected power.
START_DISTANCES, POWER_MARGIN = (1e-6, 1e-3), 10.0


@dataclass(frozen=True, eq=False)
class AlgebraicSystem:
    """The ``equations`` that determine the values of ``unknowns`` at the first time, where the other values are given.

    With ``given_unknowns`` they do so anywhere: the values of these unknowns follow the coordinates of a point then.
    """

    problem: Problem
    unknowns: tuple[int, ...]
    equations: tuple[Equation, ...]
    given_unknowns: tuple[int, ...] | None = None

    @cached_property
    def _tape(self) -> Tape:
        """Residuals, sums of the sizes of their terms, and derivatives by the unknowns (equation * unknown)."""
        own, known_ones = ([sympy.Dummy() for _ in unknowns] for unknowns in (self.unknowns, self.given_unknowns or ()))
        values = {
            Jet(u, (0,) * self.problem.dimension): s for u, s in zip(self.given_unknowns or (), known_ones, strict=True)
        }
        given = prescribed_initial_values(self.problem) if self.given_unknowns is None else values
        residuals = []
        for e in self.equations:
            names = {s: own[self.unknowns.index(j.unknown)] for s, j in e.jets.items() if j.unknown in self.unknowns}
            known = {s: given[j] for s, j in e.jets.items() if s not in names}
            residuals.append(restore_zeros(e.residual).xreplace(names).xreplace(known))
        sizes = [sympy.Add(*(Magnitude(t) for t in sympy.Add.make_args(r))) for r in residuals]
        slopes = [sympy.diff(r, x) for r in residuals for x in own]
        return Tape([*residuals, *sizes, *slopes], [*self.problem.coordinates, *known_ones, *own])

    def roots(self, point: Array) -> Array:
        """The roots found at a point: (root, unknown), those without negative values first, then by size."""
        random, shape = np.random.default_rng(0), (GUESSES, len(self.unknowns))
        guesses = random.choice([-1.0, 1.0], shape) * 10.0 ** random.uniform(*GUESS_EXPONENTS, shape)
        guesses[: GUESSES // 2] = np.abs(guesses[: GUESSES // 2])
        found, is_root = self._newton_roots(np.broadcast_to(point, (GUESSES, len(point))), guesses)
        kept: list[Array] = []
        for root in found[is_root]:
            if all(np.abs(root - k).max() > max(ROOT_DISTANCE * np.abs(k).max(), ZERO_ROOT) for k in kept):
                kept.append(root)
        kept.sort(key=lambda r: (bool((r < 0.0).any()), float(f"{np.abs(r).max():.6g}"), *r))
        return np.array(kept).reshape(-1, len(self.unknowns))

    def follow_root(self, points: Array) -> Array | None:
        """The first root at the first point, continued to the others: (point, unknown); None if that fails."""
        first = self.roots(points[0])
        if not len(first):
            return None
        found, is_root = self._newton_roots(points, np.broadcast_to(first[0], (len(points), len(self.unknowns))))
        return found if is_root.all() else None

    def relative_residuals(self, point: Array, values: Array) -> Array:
        """The largest residual at values (case, unknown), as a share of the terms of its equation: (case,)."""
        with np.errstate(all="ignore"):
            left, sizes, _ = self._linearised(np.broadcast_to(point, (len(values), len(point))), values)
            return np.asarray(np.abs(left / np.maximum(sizes, 1e-300)).max(1))

    def _newton_roots(self, points: Array, guesses: Array) -> tuple[Array, np.ndarray]:
        """The result of Newton's method from guesses (case, unknown), and whether it is a root (case,)."""
        x, count = guesses.copy(), len(self.unknowns)
        with np.errstate(all="ignore"):
            for _ in range(NEWTON_STEPS):
                left, sizes, slopes = self._linearised(points, x)
                scale = np.where(slopes.any(2, keepdims=True), np.abs(slopes).max(2, keepdims=True), 1.0)
                usable = np.asarray(np.isfinite(slopes).all((1, 2)) & np.isfinite(left).all(1))[:, None, None]
                rows, right = (np.where(usable, a, 0.0) for a in (slopes / scale, left[..., None] / scale))
                step = np.linalg.pinv(rows) @ right
                x = x - step[..., 0]
                if (np.abs(step[..., 0]) <= SMALLEST_STEP * np.abs(x)).all():
                    break
            left, sizes, _ = self._linearised(points, x)
            # With a size that overflows, as exp(360)**2, every residual would count as zero.
            is_finite = np.isfinite(np.hstack([x, sizes])).all(1)
            is_root = np.asarray(is_finite & (np.abs(left) <= ROOT_RESIDUAL * np.maximum(sizes, 1e-300)).all(1))
        return x.reshape(-1, count), is_root

    def _linearised(self, points: Array, x: Array) -> tuple[Array, Array, Array]:
        """Residuals and sizes of terms (case, equation), derivatives (case, equation, unknown)."""
        found = [np.broadcast_to(f, len(x)) for f in self._tape.evaluate_once([*points.T, *x.T])]
        count = len(self.equations)
        slopes = np.stack(found[2 * count :], -1).reshape(len(x), count, -1)
        sizes = np.stack(found[count : 2 * count], -1) + np.abs(slopes * x[:, None]).sum(2)  # log(w) is 0 at 1
        return np.stack(found[:count], -1), sizes, slopes


def initial_algebraic_system(problem: Problem) -> AlgebraicSystem | None:
    """The system for the initial values that no condition gives; None unless as many equations determine them."""
    unknowns, asked = _initial_algebraic_equations(problem)
    return AlgebraicSystem(problem, unknowns, asked) if asked and len(asked) == len(unknowns) else None


def underived_unknown_system(problem: Problem) -> AlgebraicSystem | None:
    """The system for two or more unknowns without derivatives, if as many equations determine them; else None."""
    own = {unknown for unknown, order in enumerate(problem.total_orders) if order == 0}
    values = (e for e in problem.equations if not any(j.total_order for j in e.jets.values()))
    asked = tuple(e for e in values if any(j.unknown in own for j in e.jets.values()))
    within = {j.unknown for e in asked for j in e.jets.values()}
    unknowns, others = tuple(sorted(within & own)), tuple(sorted(within - own))
    return AlgebraicSystem(problem, unknowns, asked, others) if len(asked) == len(unknowns) > 1 else None


def initial_algebraic_sizes(problem: Problem) -> Array:
    """The absolute initial value of each unknown that an algebraic system determines, 0 for others: (unknown,)."""
    found, start, first = np.zeros(len(problem.unknowns)), initial_algebraic_system(problem), initial_side(problem)
    if start is not None and first is not None:
        roots = start.roots(np.array([x[0] for x in points_at(problem, first)]))
        found[list(start.unknowns)] = np.abs(roots[0]) if len(roots) else 0.0
    return found


def _initial_algebraic_equations(problem: Problem) -> tuple[tuple[int, ...], tuple[Equation, ...]]:
    """Unknowns without time derivative or initial value, and the equations for these and given values alone."""
    if problem.time_axis is None:
        return (), ()
    given, rates = prescribed_initial_values(problem), problem.orders_in_time
    may_be = {u for u, rate in enumerate(rates) if rate == 0 and not any(j.unknown == u for j in given)}
    asked = []
    for e in problem.equations:
        jets = list(e.jets.values())
        is_known = all(j.total_order == 0 and (j in given or j.unknown in may_be) for j in jets)
        if is_known and any(j.unknown in may_be for j in jets):
            asked.append(e)
    return tuple(sorted({j.unknown for e in asked for j in e.jets.values()} & may_be)), tuple(asked)


def several_algebraic_values(problem: Problem) -> str:
    """A message that two or more such unknowns have several roots, or ""; for one unknown see ``several_starts``."""
    start, first = initial_algebraic_system(problem), initial_side(problem)
    if start is None or first is None or len(start.unknowns) < 2:
        return ""
    points = points_at(problem, first)
    for i in range(POINTS):
        roots = start.roots(np.array([x[i] for x in points]))
        if len(roots) > 1:
            names = [problem.unknowns[u] for u in start.unknowns]
            taken, other = (", ".join(f"{n} = {v:.4g}" for n, v in zip(names, r, strict=True)) for r in roots[:2])
            where = point_in_words(problem, points, i)
            return f"one of several solutions: at {where} {taken} are taken, {other} would do as well"
    return ""


def initial_contradiction(problem: Problem) -> str:
    """A message that initial conditions contradict an equation; "" if none does.

    Only equations without time derivatives, or whose factors of these vanish at the start.
    """
    first = initial_side(problem)
    if first is None:
        return ""
    given = prescribed_initial_values(problem)
    for e in problem.equations:
        rates = [s for s, j in e.jets.items() if j.order[-1]]
        if not e.jets or any(without_space_derivatives(j) not in given for s, j in e.jets.items() if s not in rates):
            continue
        points = points_at(problem, first)
        if not all(_vanishes_at_start(problem, e, s, points) for s in rates):
            continue
        known = {
            s: differentiate_in_space(problem, given[without_space_derivatives(j)], j)
            for s, j in e.jets.items()
            if s not in rates
        }
        residual = e.residual.xreplace(dict.fromkeys(rates, sympy.Integer(0)))
        terms = evaluate([a.xreplace(known) for a in sympy.Add.make_args(residual)], problem.coordinates, points)
        left = np.abs(terms.sum(0))
        if left.max() > CONTRADICTION_SHARE * np.abs(terms).sum(0).max():
            return _contradiction_in_words(point_in_words(problem, points, int(left.argmax())), e)
    return _overdetermined_contradiction(problem, first)


def _vanishes_at_start(problem: Problem, e: Equation, symbol: sympy.Symbol, points: Sequence[Array]) -> bool:
    """Whether the factor of a time derivative vanishes towards ``points`` of the start, as t to the power of its order.

    All solutions of t*a_t + a = 1 are 1 + c/t: without a pole a is 1 at zero. t*a_tt = 1, solved by t*log(t), vanishes
    too slowly (Fuchs).
    """
    slope = e.slopes[symbol]
    if not slope.free_symbols <= set(problem.coordinates):
        return False
    begin, end = problem.box.ranges[-1]
    beside = ([*points[:-1], points[-1] * 0.0 + begin + share * (end - begin)] for share in START_DISTANCES)
    early, later = (float(np.abs(evaluate([slope], problem.coordinates, at)).max()) for at in beside)
    return early <= POWER_MARGIN * (START_DISTANCES[0] / START_DISTANCES[1]) ** e.jets[symbol].order[-1] * later


def _overdetermined_contradiction(problem: Problem, first: Side) -> str:
    """A message that of more algebraic equations than unknowns some contradict the roots of others; else ""."""
    unknowns, asked = _initial_algebraic_equations(problem)
    if not 0 < len(unknowns) < len(asked):
        return ""
    point = np.array([x[0] for x in points_at(problem, first)])
    for chosen in itertools.islice(itertools.combinations(asked, len(unknowns)), POINTS):
        others = [e for e in asked if e not in chosen]
        roots = AlgebraicSystem(problem, unknowns, chosen).roots(point)
        if not len(roots):
            continue
        left = np.array([AlgebraicSystem(problem, unknowns, (e,)).relative_residuals(point, roots) for e in others])
        if left.max(0).min() > CONTRADICTION_SHARE:
            worst = others[int(left[:, left.max(0).argmin()].argmax())]
            return _contradiction_in_words(point_in_words(problem, points_at(problem, first), 0), worst)
    return ""


def _contradiction_in_words(where: str, e: Equation) -> str:
    return f"what is given at {where} contradicts `{e.text}`: the solution leaves it at once"
