"""First-order training by torch's Adam and L-BFGS, with schedules of the learning rate.

An objective maps parameters x (..., parameter) to losses (...) and gradients (..., parameter). Leading axes are
independent runs (seeds): Adam trains all of them at once, each as if alone; L-BFGS takes one run at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

#: Losses (...) and their gradients (..., parameter) at x (..., parameter).
Objective = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
#: The learning rate of step n, counted from 0.
RateSchedule = Callable[[int], float]
#: Called after every step with the steps done, the losses (...) before the last one, its rate; True ends the training.
Callback = Callable[[int, torch.Tensor, float], bool]

#: Pairs of updates that L-BFGS stores, and its iterations per step: torch's defaults.
LBFGS_MEMORY, LBFGS_ITERATIONS = 100, 20


@dataclass(frozen=True)
class FirstOrderResult:
    """The last parameters with a finite loss, and the losses before every step and at the end: (step + 1, ...)."""

    x: torch.Tensor
    losses: torch.Tensor


def linear_ramp(low: float, high: float, steps: int) -> RateSchedule:
    """Return a rate that is linear from ``low`` to ``high`` over ``steps`` steps, then constant."""
    return lambda n: high if n >= steps else low + (high - low) * n / steps


def cyclic_rate(low: float, high: float, half_period: int, decay: float) -> RateSchedule:
    """Return a rate of triangles between ``low`` and ``high``, ``half_period`` steps up and as many down.

    Heights shrink by ``decay`` per step. Smith, Cyclical learning rates (2017), exponential range.
    """
    return lambda n: low + (high - low) * (1.0 - abs(n / half_period % 2.0 - 1.0)) * decay**n


def geometric_decay(rate: RateSchedule, final_factor: float, steps: int) -> RateSchedule:
    """Return ``rate`` times a factor that falls geometrically from 1 to ``final_factor`` over ``steps`` steps."""
    return lambda n: rate(n) * final_factor ** (min(n, steps) / steps)


def adam(
    objective: Objective, x: torch.Tensor, steps: int, rate: RateSchedule, callback: Callback | None = None
) -> FirstOrderResult:
    """Minimise by ``steps`` steps of Adam (Kingma and Ba 2015) from ``x`` (..., parameter)."""
    leaf = x.detach().clone()
    optimiser = torch.optim.Adam([leaf], lr=1.0)

    def step(gradient: torch.Tensor) -> None:
        leaf.grad = gradient
        optimiser.step()

    return _train(objective, leaf, optimiser, step, steps, rate, callback)


def lbfgs(
    objective: Objective,
    x: torch.Tensor,
    steps: int,
    rate: RateSchedule,
    callback: Callback | None = None,
    iterations: int = LBFGS_ITERATIONS,
    line_search: bool = False,
) -> FirstOrderResult:
    """Minimise by ``steps`` steps of ``iterations`` iterations of L-BFGS (Liu and Nocedal 1989) from ``x`` (parameter).

    ``line_search``: with a line search for the strong Wolfe conditions; else every iteration moves by the rate.
    """
    if x.ndim != 1:
        raise ValueError(f"L-BFGS takes one run at a time, x has shape {tuple(x.shape)}")
    leaf = x.detach().clone()
    optimiser = torch.optim.LBFGS(
        [leaf],
        lr=1.0,
        max_iter=iterations,
        history_size=LBFGS_MEMORY,
        tolerance_grad=0.0,
        tolerance_change=0.0,
        line_search_fn="strong_wolfe" if line_search else None,
    )

    def step(gradient: torch.Tensor) -> None:
        known: torch.Tensor | None = gradient  # torch asks for the value at the starting point again

        def closure() -> torch.Tensor:
            nonlocal known
            value, slope = (losses[-1], known) if known is not None else objective(leaf.detach())
            known, leaf.grad = None, slope.clone()
            return value

        optimiser.step(closure)

    losses: list[torch.Tensor] = []
    return _train(objective, leaf, optimiser, step, steps, rate, callback, losses)


def _train(
    objective: Objective,
    leaf: torch.Tensor,
    optimiser: torch.optim.Optimizer,
    step: Callable[[torch.Tensor], None],
    steps: int,
    rate: RateSchedule,
    callback: Callback | None,
    losses: list[torch.Tensor] | None = None,
) -> FirstOrderResult:
    """Evaluate and step in turn; runs that are no longer finite keep their last finite parameters."""
    losses = [] if losses is None else losses
    good = leaf.clone()
    for n in range(steps):
        value, gradient = objective(leaf)
        losses.append(value)
        finite = torch.isfinite(value) & torch.isfinite(gradient).all(-1)
        good = torch.where(finite.unsqueeze(-1), leaf, good)
        if not bool(finite.any()):
            break
        optimiser.param_groups[0]["lr"] = rate(n)
        step(torch.where(finite.unsqueeze(-1), gradient, 0.0))
        if callback is not None and callback(n + 1, value, rate(n)):
            break
    value, _ = objective(leaf)
    finite = torch.isfinite(value)
    losses.append(value)
    return FirstOrderResult(torch.where(finite.unsqueeze(-1), leaf, good), torch.stack(losses))
