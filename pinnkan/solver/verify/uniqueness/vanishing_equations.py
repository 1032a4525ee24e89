"""Whether an equation is identically zero on a part of the domain, so that fewer equations than unknowns remain.

Any v solves max(0.7 - u, 0)*(v - 1) = 0 once u is above 0.7. An equation vanishes if it is exactly zero at two
neighbouring points, for the solution and for all samples within its error.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.model import Model
from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Array, Field, jets_at
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.solver.verify.posedness import ERROR_MARGIN
from pinnkan.solver.verify.uniqueness.branch_points import SAMPLE_TIMES, sample_points

#: Perturbations of the jets, and their least relative size: smaller powers of them would underflow.
PERTURBATIONS, LEAST_PERTURBATION = 8, 1e-9
#: On a line: minima of the residual that are refined, how often, by which factor: 1e-6 of the line is resolved.
MINIMA, REFINEMENTS, REFINEMENT_FACTOR = 4, 3, 32


@dataclass(frozen=True, eq=False)
class VanishingEquations:
    """The check of one problem for equations that vanish on a part of the domain."""

    model: Model

    @cached_property
    def candidates(self) -> tuple[CompiledEquation, ...]:
        """Equations that may vanish: not polynomials, and without a jet of constant factor."""
        pairs = zip(self.model.equations, self.model.problem.equations, strict=True)
        return tuple(
            compiled
            for compiled, given in pairs
            if not given.residual.is_polynomial(*given.residual.free_symbols)
            and not any(slope.is_number and slope != 0 for slope in compiled.slopes)
        )

    def objection(self, field: Field, domain: Domain, error: Field | None) -> str:
        """Return a message that names an equation and where it vanishes in a ``domain``; "" for none."""
        dimension = self.model.problem.dimension
        for equation in self.candidates:
            lines = sample_points(domain)[0].reshape(-1, SAMPLE_TIMES, dimension)
            for left in reversed(range(REFINEMENTS + 1 if dimension == 1 else 1)):
                said = self._largest_residual(equation, field, domain, lines, error)
                silent = np.argwhere((said[:, 1:] == 0.0) & (said[:, :-1] == 0.0))
                if len(silent):
                    at = self.model.problem.format_point(lines[tuple(silent[0])])
                    return f"`{equation.text}` says nothing from {at} on: fewer equations are left there than unknowns"
                lines = self._refine_minima(lines, said) if left else lines
        return ""

    def _largest_residual(
        self, equation: CompiledEquation, field: Field, domain: Domain, lines: Array, error: Field | None
    ) -> Array:
        """The largest residual for jets within the error, on lines of points: (line, point); infinite outside."""
        points = lines.reshape(-1, lines.shape[-1])
        jets = jets_at(field, points, equation.jets)
        scale = np.abs(jets).max(0, initial=0.0)
        scale[scale == 0.0] = 1.0
        by = self.model.problem.solver.tolerance * np.broadcast_to(scale, jets.shape)
        if error is not None:
            by = np.maximum(LEAST_PERTURBATION * scale, ERROR_MARGIN * np.abs(jets_at(error, points, equation.jets)))
        ways = 2.0 * kronecker_points(PERTURBATIONS, jets.shape[1]) - 1.0
        moved = jets + by * np.concatenate([np.zeros_like(ways[:1]), ways, -ways])[:, None]
        with np.errstate(all="ignore"):
            values = equation.value_tape([*points.T, *np.moveaxis(moved, -1, 0)])[0]
        most = np.abs(np.broadcast_to(values, moved.shape[:-1])).max(0)
        return np.where(domain.contains(points), np.nan_to_num(most, nan=np.inf), np.inf).reshape(lines.shape[:-1])

    @staticmethod
    def _refine_minima(lines: Array, residuals: Array) -> Array:
        """Return finer points on the lines, around the points at which the residual is smallest."""
        padded = np.pad(residuals, ((0, 0), (1, 1)), constant_values=np.inf)
        least = np.argwhere((residuals <= padded[:, 2:]) & (residuals <= padded[:, :-2]))
        line, at = least[np.argsort(residuals[tuple(least.T)], kind="stable")[:MINIMA]].T
        begin, end = np.maximum(at - 1, 0), np.minimum(at + 1, lines.shape[1] - 1)
        return np.linspace(lines[line, begin], lines[line, end], 2 * REFINEMENT_FACTOR + 1, axis=1)
