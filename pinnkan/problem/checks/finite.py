"""Check that equations and conditions have finite values at sample points, for some values of the unknowns.

Where conditions prescribe an unknown, its prescribed values are used; elsewhere numbers of all sizes are tried. sqrt(1
- u**2) is finite for some u though not for u = 11, sqrt(u - 300) for u = 350.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import sympy

from pinnkan.problem.checks.initial_values import (
    differentiate_in_space,
    initial_side,
    prescribed_initial_values,
    without_space_derivatives,
)
from pinnkan.problem.checks.sampling import (
    Array,
    evaluate,
    point_in_words,
    random_points,
    sample_place,
)
from pinnkan.problem.conditions import PlacedCondition, ProblemSpans, prescribed_value
from pinnkan.problem.expressions.functions import expression_text
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.value_ranges import value_ranges
from pinnkan.problem.report import Report
from pinnkan.problem.source import Span
from pinnkan.problem.statement import Equation, Jet, Place, Problem, ShapeSide, Side, WholeDomain

_SEED = 20_260_304
_LIMIT_DISTANCES = (2.0**-30, 2.0**-40)  # distances for limits, as shares of that to other points
_LIMIT_SPREAD = 1e-3  # relative difference there of values with a limit; x*log(x): 1e-8
_DRAWS = 512  # numbers tried for a jet without known value; about 1 in 40 has 1 < u < 3
_EXPONENTS = (-12.0, 12.0), (-2.0, 2.0)  # exponents of their sizes: one half of all sizes, one half near 1
_TRIED_DRAWS = 4  # how many of those finite at one point are tried at all others
_PERTURBATION = 1e-6  # perturbation of given values, as a share of the largest: sin(pi*x) is 1e-16, not 0, at x = 1

_BoundaryPlace: TypeAlias = Side | ShapeSide
#: By column of a jet: its values at points, nan where none is prescribed, and the largest prescribed anywhere.
KnownJets: TypeAlias = dict[int, tuple[Array, float]]


def check_finite(problem: Problem, placed: Sequence[PlacedCondition], spans: ProblemSpans, report: Report) -> None:
    """Report equations and conditions without a finite value at a sample point, for any values of the unknowns.

    For equations a finite limit at the point suffices. On a side the values that conditions prescribe there are used.
    """
    given = {at: values for at in _sides(problem) if (values := _prescribed_jets(problem, at))}
    for equation, span in zip(problem.equations, spans.equations, strict=True):
        _FiniteCheck(problem, equation, WholeDomain(), given).report(span, "this equation", report)
    for p in placed:
        if p.condition.equation is not None:
            place = p.condition.place
            here = {at: values for at, values in given.items() if at == place}
            _FiniteCheck(problem, p.condition.equation, place, here).report(p.equation_span, "this condition", report)


def _sides(problem: Problem) -> list[_BoundaryPlace]:
    """All sides and pieces that have a condition, each once, in the order of the conditions."""
    return list(
        dict.fromkeys(c.place for c in problem.conditions if c.equation and isinstance(c.place, Side | ShapeSide))
    )


def _prescribed_jets(problem: Problem, at: _BoundaryPlace) -> dict[Jet, sympy.Expr]:
    """The values and derivatives that linear conditions prescribe on a side."""
    if at == initial_side(problem):
        return prescribed_initial_values(problem)
    given = {}
    for c in problem.conditions:
        if c.place == at and c.equation is not None and len(c.equation.jets) == 1:
            ((symbol, jet),) = c.equation.jets.items()
            value = prescribed_value(c.equation, symbol)
            if value is not None:
                given[jet] = value
    return given


@dataclass(frozen=True, eq=False)
class _FiniteCheck:
    """One equation at its sample points: those of its ``place``; prescribed jets are ``given`` by side."""

    problem: Problem
    equation: Equation
    place: Place
    given: Mapping[_BoundaryPlace, Mapping[Jet, sympy.Expr]]

    def report(self, span: Span, what: str, report: Report) -> None:
        """Report the first point without a finite value, for all values tried or for the prescribed ones."""
        for where, here, known in self._faults():
            cause, hint = self._cause(here, known)
            report.error_at(span, f"{what} is not finite at {where}{cause}", hint)
            return

    def _faults(self) -> Iterator[tuple[str, list[Array], KnownJets]]:
        """Yield points without a finite value: in words, as arrays of length one, and the values known there."""
        at = sample_place(self.problem, self.place)
        for i in self._undefined(at, np.flatnonzero(~self._is_finite_near_one(at)), {}):
            here = [x[i : i + 1] for x in at]
            if not isinstance(self.place, WholeDomain) or not self._has_limit([float(x[0]) for x in here]):
                yield point_in_words(self.problem, at, i), here, {}
        for side, known in () if self._is_always_finite else self._known.items():
            at = sample_place(self.problem, side)
            for i in self._undefined(at, np.arange(len(at[0])), known) if known else ():
                here = [x[i : i + 1] for x in at]
                if not any(True for _ in self._undefined(here, np.arange(1), {})):  # finite for other values
                    where = f"{point_in_words(self.problem, at, i)} with the values given there"
                    yield where, here, {c: (values[i : i + 1], size) for c, (values, size) in known.items()}

    def _undefined(self, at: Sequence[Array], points: np.ndarray, known: KnownJets) -> Iterator[int]:
        """Yield the points at which no draw is finite; draws finite at one point are tried at all the others."""
        every = np.arange(len(self._draws))
        while len(points):
            first = points[:1]
            held = self._jets(every, np.repeat(first, len(every)), known)
            finite = np.flatnonzero(self._is_finite([x[first] for x in at], held))
            if not len(finite):
                yield int(first[0])
            points = points[1:]
            for draw in finite[:: max(len(finite) // _TRIED_DRAWS, 1)]:
                jets = self._jets(np.full(len(points), draw), points, known)
                points = points[~self._is_finite([x[points] for x in at], jets)] if len(points) else points

    def _jets(self, draws: np.ndarray, points: np.ndarray, known: KnownJets) -> Array:
        """Values for the jets, (point, jet): one draw for each point, replaced by known values where there are any."""
        jets = self._plausible_draws[draws]
        for column, (values, size) in known.items():
            value = values[points] + size * _PERTURBATION * self._perturbations[draws, column]
            jets[:, column] = np.where(np.isfinite(value), value, jets[:, column])
        return jets

    @cached_property
    def _symbols(self) -> list[sympy.Symbol]:
        return [*self.problem.coordinates, *self.equation.jets]

    @cached_property
    def _tape(self) -> Tape:
        return Tape([self.equation.residual], self._symbols)

    def _is_finite(self, at: Sequence[Array], jets: Array) -> np.ndarray:
        """Whether the equation is finite for values of its jets (case, jet), at as many points or at one: (case,)."""
        values = self._tape([*at, *jets.T])[0]
        return np.broadcast_to(np.isfinite(np.asarray(values, dtype=np.float64)), max(len(jets), len(at[0])))

    def _is_finite_near_one(self, at: Sequence[Array]) -> np.ndarray:
        """Whether the equation is finite for positive, negative or large values of order 1 to 10: (point,)."""
        generator = np.random.default_rng(_SEED)
        found = np.zeros(at[0].shape, dtype=bool)
        for scale in (1.0, -1.0, 10.0):
            jets = np.array([scale * (0.5 + generator.random(at[0].shape)) for _ in self.equation.jets])
            found |= self._is_finite(at, jets.reshape(len(self.equation.jets), -1).T)
        return found

    @cached_property
    def _is_always_finite(self) -> bool:
        """Whether the equation is finite at a point for all numbers tried, as a polynomial is."""
        return bool(self._is_finite([x[:1] for x in random_points(self.problem.domain)], self._draws).all())

    @cached_property
    def _draws(self) -> Array:
        """Random numbers of all sizes and signs, the first ones of one size and sign for all jets: (draw, jet)."""
        generator, shape = np.random.default_rng(_SEED), (_DRAWS // 2, len(self.equation.jets))
        draws = [10.0 ** generator.uniform(*powers, shape) for powers in _EXPONENTS]
        draws = [d * generator.choice([-1.0, 1.0], shape) for d in draws]
        alike = [sign * 10.0**-k * (0.5 + generator.random(shape[1])) for k in range(13) for sign in (1.0, -1.0)]
        return np.concatenate([np.reshape(alike, (-1, shape[1])), *draws])

    @cached_property
    def _perturbations(self) -> Array:
        """Perturbations of known values, between -1 and 1, 0 for every second draw: (draw, jet)."""
        moves = np.random.default_rng(_SEED).uniform(-1.0, 1.0, self._draws.shape)
        moves[::2] = 0.0
        return moves

    @cached_property
    def _plausible_draws(self) -> Array:
        """The draws, with every third one between the values prescribed anywhere for its jet: (draw, jet)."""
        draws, generator = self._draws.copy(), np.random.default_rng(_SEED)
        at_rest = value_ranges(self.problem)
        for column, jet in enumerate(self.equation.jets.values()):
            given = [known[column][0] for known in self._known.values() if column in known]
            values = np.concatenate([at_rest[jet.unknown] or () if jet.total_order == 0 else (), *given])
            values = values[np.isfinite(values)]
            if len(values):
                draws[::3, column] = generator.uniform(values.min(), values.max(), len(draws[::3]))
        return draws

    @cached_property
    def _known(self) -> dict[_BoundaryPlace, KnownJets]:
        """By side, then by column of a jet: prescribed values at sample points (nan: not finite), and the largest."""
        values = {side: self._values_on(side) for side in self.given}
        sizes = [max((float(np.nan_to_num(np.abs(v[column])).max(initial=0.0)) for v in values.values() if column in v),
                     default=0.0) for column in range(len(self.equation.jets))]  # fmt: skip
        return {side: {c: (x, sizes[c] or 1.0) for c, x in found.items()} for side, found in values.items()}

    def _values_on(self, side: _BoundaryPlace) -> dict[int, Array]:
        at, given, found = sample_place(self.problem, side), self.given[side], {}
        for column, jet in enumerate(self.equation.jets.values()):
            value = given.get(jet)
            if value is None and side == initial_side(self.problem) and without_space_derivatives(jet) in given:
                value = differentiate_in_space(self.problem, given[without_space_derivatives(jet)], jet)
            if value is not None:
                values = evaluate([value], self.problem.coordinates, at)[0]
                found[column] = np.where(np.isfinite(values), values, np.nan)
        return found

    def _has_limit(self, here: Sequence[float]) -> bool:
        """Whether the equation has a finite limit at a point, for draws near 1 (beside 1e12 all would have one)."""
        ways = [np.concatenate([x + s * (there - x) for s in _LIMIT_DISTANCES])
                for x, there in zip(here, random_points(self.problem.domain), strict=True)]  # fmt: skip
        finite = np.flatnonzero(self._is_finite([w[:1] for w in ways], self._plausible_draws))
        sizes = np.abs(np.log(np.abs(self._plausible_draws[finite]))).max(1, initial=0.0)
        for draw in finite[np.argsort(sizes, kind="stable")][:_TRIED_DRAWS]:
            values = np.asarray(self._tape([*ways, *self._plausible_draws[draw]])[0], dtype=np.float64)
            if np.isfinite(values).all() and np.ptp(values) <= _LIMIT_SPREAD * np.abs(values).max():
                return True
        return False

    def _cause(self, here: Sequence[Array], known: KnownJets) -> tuple[str, str]:
        """The part of the equation that is not finite though its arguments are, in words, and a hint."""
        every = np.arange(len(self._draws))
        jets = self._jets(every, np.zeros(len(every), dtype=int), known)
        parts = list(sympy.postorder_traversal(self.equation.residual))
        found = Tape(parts, self._symbols)([*here, *jets.T])
        values = {
            p: np.broadcast_to(np.asarray(v, dtype=np.float64), len(jets)) for p, v in zip(parts, found, strict=True)
        }
        never = [p for p in parts if not np.isfinite(values[p]).any()]
        part = (never or [p for p in parts if not np.isfinite(values[p][0])] or parts[-1:])[0]
        inner = part.args[0] if part.args else part
        text = f": {expression_text(part)} where {expression_text(inner)} = {float(values[inner][0]):.6g}"
        if isinstance(part, sympy.Pow) and part.exp.is_negative and values[inner][0] == 0.0:
            return text, "multiply by what vanishes there, or move the domain away from it"
        if np.isnan(values[part][0]):
            return text, "no real number: keep what stands in it in range with abs, max or min, or move the domain"
        return text, "move the domain away from it"
