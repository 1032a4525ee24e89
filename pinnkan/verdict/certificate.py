"""What is proven of a computed function, or why nothing is."""

import math
from dataclasses import dataclass


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
