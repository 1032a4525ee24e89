"""What a run records of itself, one record per level or slab, one per step; and what is proven, or why nothing is."""

import math
from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a solve ended: empty when it converged."""

    CONVERGED = ""
    MAX_LEVELS = "max_levels"
    MAX_TIME = "max_time"
    STALLED = "stalled"
    UNDERSAMPLED = "undersampled"
    UNDECIDED = "undecided"
    NOT_ASYMPTOTIC = "not_asymptotic"
    DIVERGED = "diverged"
    NOT_FINITE = "not_finite"
    RANK_DEFICIENT = "rank_deficient"
    BELOW_ROUNDING = "tolerance_below_rounding"
    INTERRUPTED = "interrupted"
    CONTRADICTED = "contradicted"
    NO_FINITE_NORM = "no_finite_norm"


class Evidence(StrEnum):
    """What an estimate rests on, in words."""

    CORRECTION = "correction in the refined space"
    FALL = "last correction, times the fall of the residual off the training points that it has brought"
    BLOCKS = (
        "correction in a richer sum of blocks, plus the held-out residual that it leaves over the smallest singular "
        "value"
    )
    PRODUCTS = (
        "correction in a richer sum of products, plus the held-out residual that it leaves over the least residual of "
        "a product of size one"
    )
    COMPARISON = (
        "distance from a product network solved for to a smaller tolerance, plus the estimated error of that one"
    )


@dataclass(frozen=True)
class Level:
    """One level of a steady solve, or one accepted slab of a time-dependent one.

    ``intervals``: knot intervals per coordinate; ``loss``: mean squared residual on the training points; ``heldout``:
    the same on points never trained on; ``estimate``: estimated relative L2 error of the solution so far (worst
    unknown or vector); ``true_error``: the same against ``exact``, or None; ``estimates`` and ``true_errors``: both for
    each of several unknowns and vectors, in the order of their first unknowns, empty where not known; ``time``: the
    slab (start, end), or None when steady; ``seconds``: elapsed since the start of the solve. ``is_resolved``: whether
    the residual is well below that of the data alone, without which an estimate is worth nothing; ``is_settled``:
    whether a small correction means a small error, as far as the stability constant was asked; ``unseen``: a feature
    between its points that was left in, in words; ``note``: what else people should know; ``corrected``: the mean
    squared residual where a correction of more points looks, which the estimate knows of; 0 where there is none;
    ``answers``: the checks that were asked, by name, each with what it found, "" for nothing.
    """

    number: int
    intervals: tuple[int, ...]
    degree: tuple[int, ...]
    parameters: int
    points: int
    loss: float
    heldout: float
    estimate: float
    seconds: float
    iterations: int
    time: tuple[float, float] | None = None
    true_error: float | None = None
    note: str = ""
    is_resolved: bool = True
    is_settled: bool = True
    unseen: str = ""
    evidence: Evidence = Evidence.CORRECTION
    estimates: tuple[float, ...] = ()
    true_errors: tuple[float, ...] = ()
    corrected: float = 0.0
    answers: tuple[tuple[str, str], ...] = ()

    @property
    def remarks(self) -> str:
        """All that people should know of it beside its numbers, "" where that is nothing."""
        unresolved = "" if self.is_resolved else "not resolved yet"
        fallen = "judged by the fall of the residual" if self.evidence == Evidence.FALL else ""
        return "; ".join(said for said in (self.note, unresolved, fallen, self.unseen) if said)


@dataclass(frozen=True)
class Iteration:
    """One step: loss after it, relative size of the step, damping, seconds.

    Of Adam or L-BFGS: the loss before it and its learning rate, which is 0 for Gauss-Newton and Levenberg-Marquardt.
    """

    level: int
    iteration: int
    loss: float
    step: float
    damping: float
    seconds: float
    rate: float = 0.0


@dataclass(frozen=True)
class Reading:
    """Values and errors (time,) of a quantity; ``times`` None and a single value where it is no curve over time.

    ``errors`` are None where the method has no error function; ``note``: why there is no finite value or error, or
    what else people should know.
    """

    values: tuple[float, ...]
    errors: tuple[float, ...] | None
    times: tuple[float, ...] | None = None
    note: str = ""


def rounded_up(x: float) -> str:
    """With two digits, not below the number."""
    near = float(f"{x:.1e}")
    return f"{near if near >= x else near + 10.0 ** (math.floor(math.log10(x)) - 1):.2g}"


def rounded_down(x: float) -> str:
    """With two digits, not above the number."""
    near = float(f"{x:.1e}")
    return f"{near if near <= x else near - 10.0 ** (math.floor(math.log10(x)) - 1):.2g}"


@dataclass(frozen=True)
class Certificate:
    """A solution u exists near the computed function u_h, or the ``refusal`` says why that is not proven.

    ``largest``: of |u - u_h|; ``mean_square``: of its L2 norm; ``relative``: of that over the L2 norm of u (infinite
    where that is not known to be larger); ``alone``: every solution nearer than this to u_h everywhere is u; ``words``:
    by which constants.
    """

    largest: float = math.inf
    mean_square: float = math.inf
    relative: float = math.inf
    alone: float = 0.0
    words: str = ""
    refusal: str = ""

    @property
    def sentence(self) -> str:
        """For people."""
        if self.refusal:
            return f"Not certified: {self.refusal}."
        nearest = f"no other one is nearer than {rounded_down(self.alone)} everywhere"
        only = "and no other" if self.alone == math.inf else nearest
        relative = f", {rounded_up(self.relative)} of its own" if self.relative < math.inf else ""
        return (
            f"Rigorous: there is a solution, {only}; it differs from this function by {rounded_up(self.largest)} at "
            f"most, in the L2 norm by {rounded_up(self.mean_square)}{relative} ({self.words})."
        )
