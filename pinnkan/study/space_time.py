"""Experiments on an equation in x and t: points, terms, the error on a grid, and what they say at their end."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pinnkan.kan.field import Array
from pinnkan.kan.layers.deep_field import Inputs
from pinnkan.kan.layers.jet import JetSet
from pinnkan.problem.statement import Problem
from pinnkan.solver.driver import solve
from pinnkan.study.contest import ContestOutcome
from pinnkan.study.curves import markdown
from pinnkan.study.report import StudyReport
from pinnkan.study.task import Residual, StudyNetwork, Term

VALUE = JetSet([(0, 0)])


@dataclass(frozen=True)
class SpaceTimeEquation:
    """Coordinates x and t as the network sees them, the jets that the residuals need, and the true solution (t, x)."""

    inputs: Inputs
    jets: JetSet
    x: Array
    t: Array
    exact: Array

    def term(self, name: str, points: Array, residual: Residual, weight: float = 1.0, attention: float = 0.0) -> Term:
        """A mean square at ``points`` (point, coordinate)."""
        return Term(name, self.inputs.jets(self.jets, torch.from_numpy(points)), residual, weight, 1, attention)

    def on_grid(self, network: StudyNetwork) -> torch.Tensor:
        """u (..., t, x) of every run on the grid of the true solution."""
        points = torch.from_numpy(grid(self.x, self.t))
        u, _ = network.forward(VALUE, self.inputs.jets(VALUE, points))
        return u[0, ..., 0].unflatten(-1, self.exact.shape)

    def error(self, network: StudyNetwork) -> torch.Tensor:
        """Relative L2 error (...) on that grid."""
        exact = torch.from_numpy(self.exact)
        return (self.on_grid(network) - exact).square().sum((-2, -1)).sqrt() / exact.norm()


def grid(x: Array, t: Array) -> Array:
    """Points (t * x, coordinate), x fastest."""
    mesh = np.meshgrid(x, t)
    return np.stack([m.ravel() for m in mesh], 1)


def comparison(outcomes: Sequence[ContestOutcome], paper: Mapping[str, float]) -> str:
    """Coarse only and fine only as multiples of multilevel, in loss and in true error; ``paper``: its losses.

    And whether the order of the paper, multilevel first, is seen; and what the smallest loss of all is worth.
    """
    by = {o.contender.name: o for o in outcomes}
    parts = []
    for family in sorted({o.contender.family for o in outcomes} & {"spline", "power ReLU"}, reverse=True):
        best = by[f"{family}, multilevel"].last
        told, first = [], True
        for kind in ("coarse", "fine"):
            other = by[f"{family}, {kind} only"].last
            loss, error = (float(getattr(other, n).median() / getattr(best, n).median()) for n in ("loss", "error"))
            told.append(f"{kind} only ends with {loss:.2g} times the loss and {error:.2g} times the error")
            first = first and loss > 1.0
        order = "multilevel has the smallest loss, as in the paper" if first else "the paper's order is not seen here"
        parts.append(f"Measured against {family}, multilevel: {'; '.join(told)}; {order}.")
    if paper:
        ratios = [f"{kind} only {paper[kind] / paper['multilevel']:.0f}" for kind in ("coarse", "fine")]
        parts.append(f"Multiples of the loss that the paper prints for splines: {', '.join(ratios)}.")
    least = min(outcomes, key=lambda o: float(o.last.loss.median()))
    loss, error = float(least.last.loss.median()), float(least.last.error.median())
    parts.append(f"The smallest loss of all, {loss:.1e} ({least.contender.name}), comes with an error of {error:.2g}.")
    return " ".join(parts)


def solved(equation: SpaceTimeEquation, problem: Problem, tolerances: Sequence[float]) -> str:
    """Error against seconds of ``pinnkan solve``, as a table."""
    points, rows = grid(equation.x, equation.t), []
    for tolerance in tolerances:
        began = time.perf_counter()
        result = solve(replace(problem, solver=replace(problem.solver, tolerance=tolerance)))
        seconds = time.perf_counter() - began
        u = result.field(points, [(0, 0)])[:, 0, 0].reshape(equation.exact.shape)
        error = np.linalg.norm(u - equation.exact) / np.linalg.norm(equation.exact)
        count = sum(level.parameters for level in result.levels)
        rows.append([f"{tolerance:g}", count, f"{result.verdict.estimate:.1e}", f"{error:.1e}", f"{seconds:.2f}"])
    return markdown(["tolerance", "coefficients, all slabs", "estimate", "true error", "s"], rows)


def draw_errors(report: StudyReport, equation: SpaceTimeEquation, outcomes: list[ContestOutcome]) -> None:
    """The true solution and the errors of the spline networks, first seed."""
    shown = [o for o in outcomes if o.contender.family == "spline"]
    caption = "The solution, and the error of the spline networks (first seed): coarse only, fine only, multilevel."
    with report.figure("fields", caption, 13.0, 3.2) as drawing:
        panels = drawing.subplots(1, 1 + len(shown), sharey=True)
        draw_map(drawing, panels[0], equation, equation.exact, "u", "RdBu_r")
        for axes, outcome in zip(panels[1:], shown, strict=True):
            u = equation.on_grid(outcome.ends[-1]).numpy()[0]
            name = outcome.contender.name.removeprefix("spline, ")
            draw_map(drawing, axes, equation, u - equation.exact, f"error, {name}", "PuOr_r")


def draw_map(drawing: Figure, axes: Axes, equation: SpaceTimeEquation, values: Array, label: str, colours: str) -> None:
    """``values`` (t, x) over time and place, zero in the middle of the colours."""
    high = float(np.abs(values).max())
    shown = axes.pcolormesh(equation.t, equation.x, values.T, cmap=colours, vmin=-high, vmax=high, shading="gouraud")
    axes.set(title=label, xlabel="t", ylabel="x")
    drawing.colorbar(shown, ax=axes)
