"""The minimisations of a deep solve, recorded in order so that a stopped solve can be resumed.

A resumed solve takes the recorded results, continues an interrupted Levenberg-Marquardt minimisation, and repeats one
by least squares, Adam or L-BFGS. All stop if they stall, at the time limit or at their number of steps.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from pinnkan.errors import SolverError
from pinnkan.kan.layers.network import Network
from pinnkan.kan.layers.spline_layer import Spline
from pinnkan.solver import memory
from pinnkan.solver.families.deep.rows import NetworkSystem
from pinnkan.solver.families.deep.settings import DeepSettings
from pinnkan.solver.families.deep.state import DeepState, MinimisationRestart, MinimisationResult
from pinnkan.solver.families.deep.variable_projection import inner_coefficients, project_outer_layer, with_inner
from pinnkan.solver.minimise import first_order
from pinnkan.solver.minimise import levenberg_marquardt as lm
from pinnkan.solver.minimise.descent import Iterate
from pinnkan.solver.minimise.levenberg_marquardt import minimise_by_svd
from pinnkan.solver.monitor import Monitor

#: Called after every step with loss, relative size of the step and learning rate; returns True if the time is over.
Report = Callable[[float, float, float], bool]
Minimiser = Callable[[NetworkSystem, Network, int, Report], MinimisationResult]

#: The rate of Adam rises from the first to the second over a number of steps (arXiv:2603.04827, section 4.2) and falls
#: by the last factor until the end, so that a level ends without the noise of large steps.
LOW_RATE, HIGH_RATE, RAMP_STEPS, FINAL_RATE_SHARE = 1e-4, 1e-2, 10, 1e-2
#: Number of Adam steps per reported one.
REPORT_INTERVAL = 10
#: L-BFGS has stalled if its loss falls by less than this share over so many steps. Heuristic.
LBFGS_LEAST_GAIN, LBFGS_WINDOW = 0.3, 5


def minimise_least_squares(
    system: NetworkSystem, network: Network, max_steps: int, report: Report
) -> MinimisationResult:
    """Minimise over the outer layer, the only trained one, by Gauss-Newton."""

    def told(loss: float, size: float) -> bool:
        return report(loss, size, 0.0)

    found = minimise_by_svd(lambda x: system.rows_and_jacobian(network.with_flat(x)), network.flat(), max_steps, told)
    return MinimisationResult(found.point[0], found.loss, found.number)


def minimise_adam(system: NetworkSystem, network: Network, max_steps: int, report: Report) -> MinimisationResult:
    """Minimise by Adam, with a rate that rises at first and then decays."""
    rate = first_order.geometric_decay(
        first_order.linear_ramp(LOW_RATE, HIGH_RATE, RAMP_STEPS), FINAL_RATE_SHARE, max_steps
    )

    def monitor(step: int, loss: torch.Tensor, rate: float) -> bool:
        return step % REPORT_INTERVAL == 0 and report(float(loss), 0.0, rate)

    return _result(first_order.adam(_loss_objective(system, network), network.flat(), max_steps, rate, monitor))


def minimise_lbfgs(system: NetworkSystem, network: Network, max_steps: int, report: Report) -> MinimisationResult:
    """Minimise by L-BFGS with line search.

    One step is :data:`pinnkan.solver.minimise.first_order.LBFGS_ITERATIONS` iterations.
    """
    losses: list[float] = []

    def monitor(step: int, loss: torch.Tensor, rate: float) -> bool:
        losses.append(float(loss))
        stalled = len(losses) > LBFGS_WINDOW and losses[-1] > (1.0 - LBFGS_LEAST_GAIN) * losses[-1 - LBFGS_WINDOW]
        return report(float(loss), 0.0, rate) or stalled

    objective = _loss_objective(system, network)
    return _result(first_order.lbfgs(objective, network.flat(), max_steps, lambda n: 1.0, monitor, line_search=True))


#: The minimisers other than Levenberg-Marquardt; ``least_squares`` if only the outer layer is trained.
MINIMISERS: dict[str, Minimiser] = {
    "least_squares": minimise_least_squares,
    "adam": minimise_adam,
    "lbfgs": minimise_lbfgs,
}


def _loss_objective(system: NetworkSystem, network: Network) -> first_order.Objective:
    """Return the function from coefficients to the loss and its gradient."""
    return lambda x: system.loss_and_gradient(network.with_flat(x))


def _result(found: first_order.FirstOrderResult) -> MinimisationResult:
    finite = found.losses[torch.isfinite(found.losses)]
    if not len(finite):
        raise SolverError("the residual or its gradient is not finite at the starting point", "not_finite")
    return MinimisationResult(found.x, float(finite[-1]), len(found.losses) - 1)


#: Levenberg-Marquardt has stalled if its last steps lowered the loss by less than this share each, on average; their
#: number. With 0.03 heat and Helmholtz problems took twice as long for the same error.
LM_LEAST_GAIN = 0.06
LM_WINDOW = 8
#: Share of the time reserved for the error estimate: Burgers at 1e-5 takes 10 s to train and 3 s to estimate.
ESTIMATE_TIME_SHARE = 0.25

TrainedNetwork = tuple[Network, MinimisationResult]


class SweepMinimiser:
    """The minimisations of a sweep; ``state`` is what a resumed sweep starts from."""

    def __init__(self, settings: DeepSettings, monitor: Monitor, device: str, initial_state: DeepState) -> None:
        self.settings, self.monitor, self.device = settings, monitor, device
        self.stored_results, self.restart = list(initial_state.results), initial_state.restart
        self.state = replace(initial_state, results=(), restart=None)
        self._has_stopped_recording = False

    def is_out_of_time(self) -> bool:
        """Whether the training time is over and nothing recorded remains to be resumed."""
        return (
            not self.stored_results
            and self.restart is None
            and self.monitor.exceeds(ESTIMATE_TIME_SHARE * self.monitor.limit)
        )

    def stop_recording(self) -> None:
        """Stop storing states: what follows only gives a function to show, and a resumed solve does it in full."""
        self._has_stopped_recording = True

    def minimise(self, system: NetworkSystem, network: Network, level: int, max_steps: int) -> TrainedNetwork:
        """Make at most ``max_steps`` steps, fewer if stalled or out of time.

        Return the network and the recorded end.
        """
        if self.stored_results:
            end = self.stored_results.pop(0)
        else:
            damped = (
                self.settings.method == "gauss_newton" and not self.settings.has_fixed_directions
            )  # and all layers are trained
            descend = self.run_levenberg_marquardt if damped else self.minimise_by_method
            end, whole = descend(system, network, level, max_steps)
            if not whole:  # out of time; a resumed solve continues this minimisation
                self.stop_recording()
                return network.with_flat(end.x), end
        self.state = replace(self.state, results=(*self.state.results, end), restart=None)
        return network.with_flat(end.x), end

    def run_levenberg_marquardt(
        self, system: NetworkSystem, network: Network, level: int, max_steps: int
    ) -> tuple[MinimisationResult, bool]:
        """Minimise by Levenberg-Marquardt; return the end, and False if the time limit interrupted it."""
        evaluate, start, whole = _objective(system, network)
        what = f"a step of Levenberg-Marquardt with {network.parameters} coefficients and {system.row_count} rows"
        memory.require_bytes(memory.bytes_of_descent(network.parameters, system.row_count), what, self.device)
        fresh = MinimisationRestart(start, torch.zeros_like(start), lm.FIRST_DAMPING, ())
        begun, self.restart = self.restart or fresh, None
        losses, late = list(begun.losses[:-1]), False

        def is_over(before: Iterate[lm.ScaledPoint], now: Iterate[lm.ScaledPoint]) -> bool:
            nonlocal late
            losses.append(now.loss)
            if now is not before:
                self._record(level, now.loss, now.size, now.control)
            if len(losses) > max_steps or _stalled(losses):
                return True
            restart = MinimisationRestart(now.point.x, now.point.scale, now.next_control, tuple(losses))
            self.state = replace(self.state, restart=restart)
            self._store_state()
            late = self.is_out_of_time()
            return late

        known = begun.x, is_over, max_steps, begun.scale, begun.damping
        end = lm.levenberg_marquardt(lm.normal_equations(evaluate), *known)
        return MinimisationResult(whole(end.point.x), end.loss, len(losses) - 1), not late

    def minimise_by_method(
        self, system: NetworkSystem, network: Network, level: int, max_steps: int
    ) -> tuple[MinimisationResult, bool]:
        """Minimise by another method; return the end, and False if the time limit interrupted it."""
        late = False

        def report(loss: float, size: float, rate: float) -> bool:
            nonlocal late
            self._record(level, loss, size, 0.0, rate)
            late = self.is_out_of_time()
            return late

        self.restart = None
        self._store_state()
        minimise = MINIMISERS["least_squares" if self.settings.has_fixed_directions else self.settings.method]
        return minimise(system, network, max_steps, report), not late

    def _store_state(self) -> None:
        """Store the state, but not after an interrupted minimisation, which a resumed sweep has to finish first."""
        if not self._has_stopped_recording:
            self.monitor.keep_family_state(self.state)

    def _record(self, level: int, loss: float, size: float, damping: float, rate: float = 0.0) -> None:
        number = len(self.state.steps) + 1
        record = self.monitor.report_iteration(level, number, loss, size, damping, rate)
        self.state = replace(self.state, steps=(*self.state.steps, record))


def _objective(
    system: NetworkSystem, network: Network
) -> tuple[lm.EvaluateRows, torch.Tensor, Callable[[torch.Tensor], torch.Tensor]]:
    """Return residual and Jacobian for Levenberg-Marquardt, its start, and a map from its points to all coefficients.

    For linear equations and spline layers the outer layer is projected out: convection-diffusion then reaches 1e-10 in
    4.9 s instead of 4e-7 in 7.3 s. For nonlinear equations it is not: a sweep of Burgers did not end in the time.
    """
    if isinstance(network.layers[-1], Spline) and system.is_linear:

        def at(x: torch.Tensor) -> tuple[torch.Tensor, Callable[[], torch.Tensor], Network]:
            return project_outer_layer(system, with_inner(network, x), is_linear=True)

        return lambda x: at(x)[:2], inner_coefficients(network), lambda x: at(x)[2].flat()
    return lambda x: system.rows_and_jacobian(network.with_flat(x)), network.flat(), lambda x: x


def _stalled(losses: Sequence[float]) -> bool:
    return len(losses) > LM_WINDOW and losses[-1] > (1 - LM_LEAST_GAIN) ** LM_WINDOW * losses[-1 - LM_WINDOW]
