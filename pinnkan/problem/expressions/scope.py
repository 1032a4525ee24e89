"""The names an expression may use, and the messages for names that have no meaning."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sympy

from pinnkan.problem.coordinates import COORDINATES, NUMBERED, PLAIN, listed, order_of
from pinnkan.problem.expressions.functions import FUNCTIONS
from pinnkan.problem.expressions.operators import JetSpace
from pinnkan.problem.habits import GREEK, PARTS, shorthand_of
from pinnkan.problem.report import did_you_mean

OPERATORS = ("dx", "dy", "dz", "dt", "lap", "grad", "div", "dn", "integral")
NUMBERED_OPERATORS = tuple(f"d{c}" for c in NUMBERED)
RESERVED = frozenset({*PLAIN, "t", "pi", *FUNCTIONS, *OPERATORS})


@dataclass
class Scope:
    """The names an expression may use.

    ``values``: parameters and functions. ``unknowns``: whether unknowns, and ``vectors`` of them, are allowed.
    ``coordinates``: whether coordinates are. ``normal``: the outward normal, on a side. ``integrals`` collects
    integrands by the symbol that stands for the integral; None where no integral is allowed. ``used`` collects the
    names of ``values`` met. ``later``: names defined further down. ``where`` completes "unknown name 'a' in ...".
    """

    space: JetSpace
    values: Mapping[str, sympy.Expr] = field(default_factory=dict)
    unknowns: bool = False
    coordinates: bool = True
    normal: Sequence[sympy.Expr | float] | None = None
    vectors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    integrals: dict[sympy.Symbol, sympy.Expr] | None = None
    used: set[str] = field(default_factory=set)
    later: tuple[str, ...] = ()
    where: str = "an expression"

    def known(self) -> list[str]:
        """All names that have a meaning here, for suggestions."""
        names = [*self.values, "pi", *FUNCTIONS]
        names += self.space.coordinates if self.coordinates else ()
        if self.unknowns:
            names += [*self.space.unknowns, *self.vectors, *self.operators()]
            names += [f"{u}_{c}" for u in self.space.unknowns for c in self.space.coordinates]
            names += [f"{u}_{c}{c}" for u in self.space.unknowns for c in self.space.coordinates if c in NUMBERED]
        return names

    def operators(self) -> list[str]:
        """The names of the operators, with those of the numbered coordinates of the domain."""
        return [*OPERATORS, *(f"d{c}" for c in self.space.coordinates if c in NUMBERED)]

    def calls(self, name: str) -> bool:
        """Whether a name is that of an operator here; that of ``dx1`` may be a parameter or function instead."""
        return name in OPERATORS or (name in NUMBERED_OPERATORS and name not in self.values)

    def is_normal(self, name: str) -> bool:
        """Whether a name is a component of the normal: ``n_x``, ``n_y``, .."""
        return name.startswith("n_") and name[2:] in self.space.coordinates and name != "n_t"

    def absent(self) -> str:
        """The hint for a coordinate that the domain lacks."""
        present = self.space.coordinates
        if any(c in NUMBERED for c in present):
            return f"its coordinates: {listed(present)}"
        return "add its range to `domain`"

    def complaint(self, name: str, base: str, by: Sequence[str]) -> tuple[str, str]:
        """The message and the hint for a name that has no meaning; it may be ``base``, differentiated ``by``."""
        missing = sorted(set(by) - set(self.space.coordinates))
        if name in FUNCTIONS or self.calls(name):
            return f"'{name}' is a function and needs an argument", f"write {name}(...)"
        if name in self.later:
            return f"'{name}' is defined only further down", "move its definition up"
        if name in COORDINATES and name not in self.space.unknowns:
            if name in self.space.coordinates or not self.coordinates:
                return f"the coordinate '{name}' cannot stand in {self.where}", "it must be a constant"
            return f"there is no coordinate '{name}' in this domain", self.absent()
        if self.is_normal(name):
            return f"'{name}' has a meaning only on a side of the domain", "it is the outward normal there"
        if name in self.space.unknowns or name in self.vectors:
            return f"the unknown '{name}' cannot stand in {self.where}", self._elsewhere()
        if base in self.space.unknowns and by and not missing and not self.unknowns:
            return f"the unknown '{base}' cannot stand in {self.where}", self._elsewhere()
        if self.unknowns and base in self.space.unknowns and by:
            return f"'{name}' needs the coordinate '{missing[0]}', which the domain lacks", self.absent()
        return f"unknown name '{name}' in {self.where}", self._hint(name, base, by if not missing else ())

    def _elsewhere(self) -> str:
        """The hint for an unknown that is not allowed here."""
        return "write it out in the equations" if self.where == "a function" else ""

    def _hint(self, name: str, base: str, by: Sequence[str]) -> str:
        """The hint for a name that has no meaning."""
        if base in self.values and by:
            return f"write d{by[0]}({base}) for a derivative"
        if self.unknowns and _joined(name, self.space, "_"):
            return f"write {_joined(name, self.space, '_')}"
        if name in ("e", "E"):
            return "write exp(x) for e**x, exp(1) for e"
        if self.unknowns and _joined(name, self.space, ""):
            return f"write {_joined(name, self.space, '')}"
        if self.unknowns and shorthand_of(name, self.space.unknowns, self.space.coordinates):
            return shorthand_of(name, self.space.unknowns, self.space.coordinates)
        if name.lower() in ("inf", "infinity", "infty", "nan"):
            return "every number is finite: write one that is large enough"
        if by and base and self.unknowns and not did_you_mean(base, self.space.unknowns):
            return f"'{base}' is not among the unknowns: {', '.join(self.space.unknowns)}"
        if name in ("i", "j", "I"):
            return f"complex numbers are {PARTS}; else {self._define()}"
        return self._spelled(name) or self._define()

    def _spelled(self, name: str) -> str:
        """The suggestion of a similar name (``u`` for ``uu``, not ``mu``), or of parentheses for a function; else "".
        """
        known = self.known()
        for function in FUNCTIONS:
            if name.startswith(function) and name.removeprefix(function) in known:
                return f"write {function}({name.removeprefix(function)})"
        alike = [k for k in known if min(len(k), len(name)) > 1 or set(k.lower()) == set(name.lower())]
        is_greek = name.lower() in GREEK
        return did_you_mean(name, [k for k in alike if not is_greek or len(k) > 2 or k.lower() == name.lower()])

    def _define(self) -> str:
        """The hint where to define a name."""
        if self.where == "a parameter":
            return "define it above"
        formula = ", or a formula under `functions`" if self.coordinates else ""
        return f"give it a value under `parameters`{formula}"


def _joined(name: str, space: JetSpace, between: str) -> str:
    """The derivative meant by a name whose subscript is split or not set off (``u_x1_x2``, ``uxx``), or ""."""
    for unknown in space.unknowns:
        subscript = name.removeprefix(f"{unknown}{between}").replace("_", "")
        subscript = re.sub(r"^(\d)([xyzt])$", lambda found: found[2] * int(found[1]), subscript)
        if name.startswith(f"{unknown}{between}") and order_of(subscript, space.coordinates):
            return f"{unknown}_{subscript}"
    return ""
