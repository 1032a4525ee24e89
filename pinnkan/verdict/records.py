"""The records of a run: one per level or slab and one per step; the values of quantities; the certificate."""

import math
from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a solve ended; empty when it converged."""

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
    UNDETERMINED_NUMBERS = "undetermined_numbers"
    MISFIT = "misfit"
    MULTIPLE_EIGENVALUE = "multiple_eigenvalue"


class Evidence(StrEnum):
    """The basis of an error estimate, in words."""

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
    the same on held-out points; ``estimate``: estimated relative L2 error of the solution so far (worst unknown or
    vector); ``true_error``: the same against ``exact``, or None; ``estimates`` and ``true_errors``: both for each of
    several unknowns and vectors, in the order of their first unknowns, empty where not known; ``time``: the slab
    (start, end), or None when steady; ``seconds``: elapsed since the start of the solve. ``is_resolved``: whether the
    residual is well below that of the data alone, else the estimate is not reliable; ``is_settled``: whether the
    stability constant, as far as it was computed, says that a small correction means a small error; ``unseen``: a
    feature between the points that was left in, in words; ``note``: other remarks; ``corrected``: the mean squared
    residual at the points of a correction with more points, which the estimate covers; 0 where there is none;
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
        """All remarks on the level, "" if there are none."""
        unresolved = "" if self.is_resolved else "not resolved yet"
        fallen = "judged by the fall of the residual" if self.evidence == Evidence.FALL else ""
        return "; ".join(said for said in (self.note, unresolved, fallen, self.unseen) if said)


@dataclass(frozen=True)
class Iteration:
    """One step: loss after it (Adam, L-BFGS: before it), relative size, damping, seconds, and the learning ``rate``.

    The rate is 0 for Gauss-Newton and Levenberg-Marquardt.
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
    """Values and errors (time,) of a quantity; a single value and ``times`` None where it is no curve over time.

    ``errors`` are None where the method has no error function; ``note``: why a value or error is not finite, or
    remarks.
    """

    values: tuple[float, ...]
    errors: tuple[float, ...] | None
    times: tuple[float, ...] | None = None
    note: str = ""


def rounded_up(x: float) -> str:
    """The number with two digits, rounded up."""
    near = float(f"{x:.1e}")
    return f"{near if near >= x else near + 10.0 ** (math.floor(math.log10(x)) - 1):.2g}"


def rounded_down(x: float) -> str:
    """The number with two digits, rounded down."""
    near = float(f"{x:.1e}")
    return f"{near if near <= x else near - 10.0 ** (math.floor(math.log10(x)) - 1):.2g}"


@dataclass(frozen=True)
class Certificate:
    """A proof that a solution u exists near the computed function u_h, or in ``refusal`` why there is none.

    ``largest``: bound of |u - u_h|; ``mean_square``: of its L2 norm; ``relative``: of that over the L2 norm of u
    (infinite where that may be zero); ``alone``: the distance, everywhere, within which u is the only solution;
    ``words``: the constants of the proof.
    """

    largest: float = math.inf
    mean_square: float = math.inf
    relative: float = math.inf
    alone: float = 0.0
    words: str = ""
    refusal: str = ""

    @property
    def sentence(self) -> str:
        """The certificate as a sentence."""
        if self.refusal:
            return f"Not certified: {self.refusal}."
        nearest = f"no other one is nearer than {rounded_down(self.alone)} everywhere"
        only = "and no other" if self.alone == math.inf else nearest
        relative = f", {rounded_up(self.relative)} of its own" if self.relative < math.inf else ""
        return (
            f"Rigorous: there is a solution, {only}; it differs from this function by {rounded_up(self.largest)} at "
            f"most, in the L2 norm by {rounded_up(self.mean_square)}{relative} ({self.words})."
        )
