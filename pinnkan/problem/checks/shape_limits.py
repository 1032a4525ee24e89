"""What cannot be solved on a shape yet: reported where it stands in the file."""

from collections.abc import Sequence

from pinnkan.problem.conditions import PlacedCondition, ProblemSpans
from pinnkan.problem.report import Report
from pinnkan.problem.statement import Problem, WholeDomain

#: Settings of the solver that a shape allows.
ALLOWED_SETTINGS = {"network": ("auto", "product"), "method": ("gauss_newton",)}


def check_shape_limits(
    problem: Problem, placed: Sequence[PlacedCondition], spans: ProblemSpans, report: Report
) -> None:
    """Report integrals as conditions, fluxes that jump, and networks other than products, on a shape."""
    if problem.is_on_box:
        return
    for p in placed:
        if isinstance(p.condition.place, WholeDomain):
            hint = "give a value at a point: {where: {point: [0, 0]}, equation: u = 0}"
            report.error_at(p.place_span, "an integral over a shape is no condition yet", hint)
    for equation, span in zip(problem.equations, spans.equations, strict=True):
        if equation.interfaces:
            report.error_at(span, "a flux that jumps is not available on shapes yet", "give ranges to x and y instead")
    for key, allowed in ALLOWED_SETTINGS.items():
        if getattr(problem.solver, key) not in allowed and key in spans.solver:
            report.error_at(spans.solver[key], f"on a shape '{key}' is one of: {', '.join(allowed)}", "leave it out")
