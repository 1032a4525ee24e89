"""Values at the first time that no condition gives, since equations without derivatives of them do.

Of w + z = v and w*z = 0.1 those of w and z, where v is given. They are roots of a small system at every point, found by
Newton's method from numbers of all sizes and signs at once. That no second root is seen proves nothing.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy

from pinnkan.problem.checks.starts import beneath, given_at, in_space, start_of
from pinnkan.problem.checks.values import Array, evaluate, place, points_at
from pinnkan.problem.expressions.functions import Magnitude, exactly
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Equation, Jet, Problem, Side

#: Numbers that roots are sought from, so many at a time, of sizes between these powers of ten; steps from each.
GUESSES, POWERS, STEPS = 128, (-6.0, 6.0), 60
#: What is left of an equation at a root, as a share of its terms; roots differ by this share of them; steps that move
#: nothing any more.
LEFT, APART, STILL = 1e-9, 1e-5, 1e-14
#: What Newton's method leaves of a root of zero.
NOTHING = 1e-20
#: Points at which roots are looked for; given values contradict an equation by this share of its terms.
POINTS, CONTRADICTS = 3, 1e-6
#: Distances from the start, over the time, between which a factor is seen to vanish, and what it may be more than the
#: power of these.
BESIDE, MORE = (1e-6, 1e-3), 10.0


@dataclass(frozen=True, eq=False)
class AlgebraicValues:
    """The ``equations`` that say the values of ``unknowns`` at the first time, where others are given.

    Or anywhere, where those of ``others`` are known: they stand behind the coordinates of a point then.
    """

    problem: Problem
    unknowns: tuple[int, ...]
    equations: tuple[Equation, ...]
    others: tuple[int, ...] | None = None

    @cached_property
    def _tape(self) -> Tape:
        """Residuals, their terms' sizes, and derivatives by the unknowns (equation * unknown)."""
        own, known_ones = ([sympy.Dummy() for _ in unknowns] for unknowns in (self.unknowns, self.others or ()))
        values = {Jet(u, (0,) * self.problem.dimension): s for u, s in zip(self.others or (), known_ones, strict=True)}
        given = given_at(self.problem) if self.others is None else values
        residuals = []
        for e in self.equations:
            names = {s: own[self.unknowns.index(j.unknown)] for s, j in e.jets.items() if j.unknown in self.unknowns}
            known = {s: given[j] for s, j in e.jets.items() if s not in names}
            residuals.append(exactly(e.residual).xreplace(names).xreplace(known))
        sizes = [sympy.Add(*(Magnitude(t) for t in sympy.Add.make_args(r))) for r in residuals]
        slopes = [sympy.diff(r, x) for r in residuals for x in own]
        return Tape([*residuals, *sizes, *slopes], [*self.problem.coordinates, *known_ones, *own])

    def roots(self, point: Array) -> Array:
        """Those that are seen at a point: (root, unknown), positive ones first, then the smallest."""
        random, shape = np.random.default_rng(0), (GUESSES, len(self.unknowns))
        guesses = random.choice([-1.0, 1.0], shape) * 10.0 ** random.uniform(*POWERS, shape)
        guesses[: GUESSES // 2] = np.abs(guesses[: GUESSES // 2])
        found, is_root = self._solved(np.broadcast_to(point, (GUESSES, len(point))), guesses)
        kept: list[Array] = []
        for root in found[is_root]:
            if all(np.abs(root - k).max() > max(APART * np.abs(k).max(), NOTHING) for k in kept):
                kept.append(root)
        kept.sort(key=lambda r: (bool((r < 0.0).any()), float(f"{np.abs(r).max():.6g}"), *r))
        return np.array(kept).reshape(-1, len(self.unknowns))

    def at(self, points: Array) -> Array | None:
        """The first root at the first of some points, followed to others: (point, unknown); None where it is lost."""
        first = self.roots(points[0])
        if not len(first):
            return None
        found, is_root = self._solved(points, np.broadcast_to(first[0], (len(points), len(self.unknowns))))
        return found if is_root.all() else None

    def left(self, point: Array, values: Array) -> Array:
        """How much of the equations is left at some values (case, unknown), as a share of their terms: (case,)."""
        with np.errstate(all="ignore"):
            left, sizes, _ = self._linearised(np.broadcast_to(point, (len(values), len(point))), values)
            return np.asarray(np.abs(left / np.maximum(sizes, 1e-300)).max(1))

    def _solved(self, points: Array, guesses: Array) -> tuple[Array, np.ndarray]:
        """Where Newton's method leads from guesses (case, unknown), and whether to a root."""
        x, count = guesses.copy(), len(self.unknowns)
        with np.errstate(all="ignore"):
            for _ in range(STEPS):
                left, sizes, slopes = self._linearised(points, x)
                scale = np.where(slopes.any(2, keepdims=True), np.abs(slopes).max(2, keepdims=True), 1.0)
                usable = np.asarray(np.isfinite(slopes).all((1, 2)) & np.isfinite(left).all(1))[:, None, None]
                rows, right = (np.where(usable, a, 0.0) for a in (slopes / scale, left[..., None] / scale))
                step = np.linalg.pinv(rows) @ right
                x = x - step[..., 0]
                if (np.abs(step[..., 0]) <= STILL * np.abs(x)).all():
                    break
            left, sizes, _ = self._linearised(points, x)
            # Sizes that overflow, exp(360)**2, are none: anything is little beside them.
            is_finite = np.isfinite(np.hstack([x, sizes])).all(1)
            is_root = np.asarray(is_finite & (np.abs(left) <= LEFT * np.maximum(sizes, 1e-300)).all(1))
        return x.reshape(-1, count), is_root

    def _linearised(self, points: Array, x: Array) -> tuple[Array, Array, Array]:
        """Residuals and sizes of terms (case, equation), derivatives (case, equation, unknown)."""
        found = [np.broadcast_to(f, len(x)) for f in self._tape.plainly([*points.T, *x.T])]
        count = len(self.equations)
        slopes = np.stack(found[2 * count :], -1).reshape(len(x), count, -1)
        sizes = np.stack(found[count : 2 * count], -1) + np.abs(slopes * x[:, None]).sum(2)  # log(w) is 0 at 1
        return np.stack(found[:count], -1), sizes, slopes


def algebraic_start(problem: Problem) -> AlgebraicValues | None:
    """What says the values of unknowns that no condition gives, if as many equations do; None where none do."""
    unknowns, asked = _asked(problem)
    return AlgebraicValues(problem, unknowns, asked) if asked and len(asked) == len(unknowns) else None


def algebraic_pairs(problem: Problem) -> AlgebraicValues | None:
    """What says the values of two or more unknowns that no equation has a derivative of, where others are known."""
    jets = [j for e in problem.equations for j in e.jets.values()]
    own = {u for u in range(len(problem.unknowns)) if not any(j.total for j in jets if j.unknown == u)}
    values = (e for e in problem.equations if not any(j.total for j in e.jets.values()))
    asked = tuple(e for e in values if any(j.unknown in own for j in e.jets.values()))
    within = {j.unknown for e in asked for j in e.jets.values()}
    unknowns, others = tuple(sorted(within & own)), tuple(sorted(within - own))
    return AlgebraicValues(problem, unknowns, asked, others) if len(asked) == len(unknowns) > 1 else None


def sizes_at_start(problem: Problem) -> Array:
    """What others make of each unknown at the first time, in size (unknown,), 0 where they do not.

    Of log(w) = -v with v = 1 no size of w fits better than another: it had been 1e-32.
    """
    found, start, first = np.zeros(len(problem.unknowns)), algebraic_start(problem), start_of(problem)
    if start is not None and first is not None:
        roots = start.roots(np.array([x[0] for x in points_at(problem, first)]))
        found[list(start.unknowns)] = np.abs(roots[0]) if len(roots) else 0.0
    return found


def _asked(problem: Problem) -> tuple[tuple[int, ...], tuple[Equation, ...]]:
    """Unknowns without derivatives in time that no condition gives, and the equations of nothing but these and others.

    The others are given at the first time.
    """
    if problem.time_axis is None:
        return (), ()
    given, rates = given_at(problem), problem.orders_in_time
    may_be = {u for u, rate in enumerate(rates) if rate == 0 and not any(j.unknown == u for j in given)}
    asked = []
    for e in problem.equations:
        jets = list(e.jets.values())
        is_known = all(j.total == 0 and (j in given or j.unknown in may_be) for j in jets)
        if is_known and any(j.unknown in may_be for j in jets):
            asked.append(e)
    return tuple(sorted({j.unknown for e in asked for j in e.jets.values()} & may_be)), tuple(asked)


def several_values(problem: Problem) -> str:
    """That two or more such unknowns have several values together, in words; "" where no two are seen.

    Of one alone: :func:`pinnkan.problem.checks.starts.several_starts`.
    """
    start, first = algebraic_start(problem), start_of(problem)
    if start is None or first is None or len(start.unknowns) < 2:
        return ""
    points = points_at(problem, first)
    for i in range(POINTS):
        roots = start.roots(np.array([x[i] for x in points]))
        if len(roots) > 1:
            names = [problem.unknowns[u] for u in start.unknowns]
            taken, other = (", ".join(f"{n} = {v:.4g}" for n, v in zip(names, r, strict=True)) for r in roots[:2])
            where = place(problem, points, i)
            return f"one of several solutions: at {where} {taken} are taken, {other} would do as well"
    return ""


def contradicted_start(problem: Problem) -> str:
    """That conditions at the first time contradict an equation there, in words; or "".

    One without derivatives in time, or with none there: before which nothing is (:func:`_fade`).
    """
    first = start_of(problem)
    if first is None:
        return ""
    given = given_at(problem)
    for e in problem.equations:
        rates = [s for s, j in e.jets.items() if j.order[-1]]
        if not e.jets or any(beneath(j) not in given for s, j in e.jets.items() if s not in rates):
            continue
        points = points_at(problem, first)
        if not all(_fade(problem, e, s, points) for s in rates):
            continue
        known = {s: in_space(problem, given[beneath(j)], j) for s, j in e.jets.items() if s not in rates}
        residual = e.residual.xreplace(dict.fromkeys(rates, sympy.Integer(0)))
        terms = evaluate([a.xreplace(known) for a in sympy.Add.make_args(residual)], problem.coordinates, points)
        left = np.abs(terms.sum(0))
        if left.max() > CONTRADICTS * np.abs(terms).sum(0).max():
            return _told(place(problem, points, int(left.argmax())), e)
    return _left_by_others(problem, first)


def _fade(problem: Problem, e: Equation, symbol: sympy.Symbol, points: Sequence[Array]) -> bool:
    """Whether what stands before a derivative vanishes towards ``points`` of the start, as the power of its order.

    All solutions of t*a_t + a = 1 are 1 + c/t: without a pole a is 1 at zero. Of t*a_tt = 1, which t*log(t) solves,
    that takes nothing away (Fuchs).
    """
    slope = sympy.diff(e.residual, symbol)
    if not slope.free_symbols <= set(problem.coordinates):
        return False
    begin, end = problem.box.ranges[-1]
    beside = ([*points[:-1], points[-1] * 0.0 + begin + share * (end - begin)] for share in BESIDE)
    early, later = (float(np.abs(evaluate([slope], problem.coordinates, at)).max()) for at in beside)
    return early <= MORE * (BESIDE[0] / BESIDE[1]) ** e.jets[symbol].order[-1] * later


def _left_by_others(problem: Problem, first: Side) -> str:
    """That of more equations than values are left to say, some say what contradicts another, in words; or ""."""
    unknowns, asked = _asked(problem)
    if not 0 < len(unknowns) < len(asked):
        return ""
    point = np.array([x[0] for x in points_at(problem, first)])
    for chosen in itertools.islice(itertools.combinations(asked, len(unknowns)), POINTS):
        others = [e for e in asked if e not in chosen]
        roots = AlgebraicValues(problem, unknowns, chosen).roots(point)
        if not len(roots):
            continue
        left = np.array([AlgebraicValues(problem, unknowns, (e,)).left(point, roots) for e in others])
        if left.max(0).min() > CONTRADICTS:
            worst = others[int(left[:, left.max(0).argmin()].argmax())]
            return _told(place(problem, points_at(problem, first), 0), worst)
    return ""


def _told(where: str, e: Equation) -> str:
    return f"what is given at {where} contradicts `{e.text}`: the solution leaves it at once"
