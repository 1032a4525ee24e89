"""What the contenders of an experiment minimise: a weighted sum of mean squares of residuals at fixed points.

The same rows serve a first-order method (value and gradient, all seeds at once) and Levenberg-Marquardt (rows and
Jacobian). Residuals are ordinary functions of the network's jets; their derivatives by the jets come from one backward
pass over them, those by the coefficients from the network's own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, Self

import numpy as np
import torch

from pinnkan.kan.layers.jet import JetSet

#: Rows (..., row) from jets u (alpha, ..., point, unknown).
Residual = Callable[[torch.Tensor], torch.Tensor]


class StudyNetwork(Protocol):
    """A network that can be trained; leading axes of its coefficients are independent runs."""

    @property
    def parameters(self) -> int: ...

    def flat(self) -> torch.Tensor: ...

    def with_flat(self, vector: torch.Tensor) -> Self: ...

    def halved(self) -> Self: ...

    def forward(self, jets: JetSet, inputs: torch.Tensor) -> tuple[torch.Tensor, list[Any]]: ...

    def jacobian(self, traces: list[Any], adjoint: torch.Tensor) -> torch.Tensor: ...

    def gradient(self, traces: list[Any], adjoint: torch.Tensor) -> torch.Tensor: ...


@dataclass(frozen=True)
class Term:
    """``weight`` times the mean square of a residual at the points with input jets ``inputs`` (alpha, point, in).

    Row r may use point r and its copies r + rows, r + 2 rows, ...: the two sides of an interface, for instance.
    ``attention``: the rate at which rows with large residuals gain weight (:class:`Attention`); 0 leaves them alone.
    """

    name: str
    inputs: torch.Tensor
    residual: Residual
    weight: float = 1.0
    copies: int = 1
    attention: float = 0.0

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.inputs.shape[1] // self.copies


class Task:
    """Terms, evaluated in one forward pass; ``error`` is the relative L2 error of a network, per run.

    ``single``: first-order steps work at the points in single precision (half of the time); coefficients, their
    gradients and what the optimiser keeps stay in double precision.
    """

    def __init__(
        self,
        jets: JetSet,
        terms: Sequence[Term],
        error: Callable[[StudyNetwork], torch.Tensor],
        single: bool = False,
    ) -> None:
        self.jets, self.terms, self.error = jets, tuple(terms), error
        self.inputs = torch.cat([t.inputs for t in terms], 1)
        self.descended = self.inputs.float() if single else self.inputs
        ends = np.cumsum([0, *(t.inputs.shape[1] for t in terms)]).tolist()
        self.places = tuple(slice(a, b) for a, b in pairwise(ends))

    def descend(self, network: StudyNetwork, attention: "Attention | None" = None) -> tuple[torch.Tensor, torch.Tensor]:
        """The loss (...) and the gradient (..., coefficient), the latter of the rows weighted by ``attention``."""
        u, traces = network.forward(self.jets, self.descended)
        adjoint = torch.zeros_like(u)
        loss = u.new_zeros(u.shape[1:-2])
        for number, (term, place) in enumerate(zip(self.terms, self.places, strict=True)):
            leaf, rows = _rows(term, u[..., place, :])
            loss = loss + term.weight * rows.detach().square().mean(-1)
            pull = 2.0 * term.weight / term.rows * rows.detach()
            if attention is not None:
                pull = pull * attention.squares(number, rows.detach())
            (adjoint[..., place, :],) = torch.autograd.grad(rows, leaf, pull)
        return loss, network.gradient(traces, adjoint)

    def evaluate(self, network: StudyNetwork) -> tuple[torch.Tensor, Callable[[], torch.Tensor]]:
        """Rows of one run whose squares sum to the loss, and a function that gives their Jacobian."""
        u, traces = network.forward(self.jets, self.inputs)
        rows, adjoint = [], torch.zeros_like(u)
        for term, place in zip(self.terms, self.places, strict=True):
            leaf, values = _rows(term, u[..., place, :])
            values = (term.weight / term.rows) ** 0.5 * values
            (adjoint[..., place, :],) = torch.autograd.grad(values.sum(), leaf)
            rows.append(values.detach())

        def tangent() -> torch.Tensor:
            all_points = network.jacobian(traces, adjoint)
            parts = [
                all_points[place].unflatten(0, (t.copies, t.rows))
                for t, place in zip(self.terms, self.places, strict=True)
            ]
            return torch.cat([part.sum(0) for part in parts])

        return torch.cat(rows), tangent


def _rows(term: Term, u: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A leaf equal to the jets ``u`` and the rows that hang on it."""
    with torch.enable_grad():
        leaf = u.detach().clone().requires_grad_()
        return leaf, term.residual(leaf)


class Attention:
    """Residual-based attention (Anagnostopoulos et al. 2024): weights that grow where the residual stays large.

    ``lambda <- (1 - mu) lambda + mu |r| / max |r|`` at every evaluation, from one; the residual counts as lambda r.
    """

    def __init__(self, terms: Sequence[Term]) -> None:
        self._rates = [t.attention for t in terms]
        self._weights: list[torch.Tensor | None] = [None] * len(terms)

    def squares(self, number: int, rows: torch.Tensor) -> torch.Tensor:
        """lambda^2 of the rows (..., row) of a term, after this evaluation."""
        rate, known = self._rates[number], self._weights[number]
        if rate == 0.0:
            return torch.ones_like(rows)
        size = rows.abs()
        share = size / size.amax(-1, keepdim=True).clamp_min(1e-300)
        new = (1.0 - rate) * (torch.ones_like(rows) if known is None else known) + rate * share
        self._weights[number] = new
        return new.square()
