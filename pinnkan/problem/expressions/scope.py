"""The names an expression may use, and the messages for names that have no meaning."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sympy

from pinnkan.problem.coordinates import COORDINATES, NUMBERED, PLAIN, join_names, order_of
from pinnkan.problem.expressions.functions import FUNCTIONS
from pinnkan.problem.expressions.operators import JetSpace
from pinnkan.problem.notation_hints import COMPLEX_HINT, GREEK_NAMES, derivative_hint
from pinnkan.problem.report import did_you_mean

OPERATORS = ("dx", "dy", "dz", "dt", "lap", "grad", "div", "dn", "integral")
NUMBERED_OPERATORS = tuple(f"d{c}" for c in NUMBERED)
RESERVED = frozenset({*PLAIN, "t", "pi", *FUNCTIONS, *OPERATORS})


@dataclass
class Scope:
    """The names an expression may use.

    ``values``: parameters and functions. ``allows_unknowns``: whether unknowns, and ``vectors`` of them, are allowed.
    ``allows_coordinates``: whether coordinates are. ``normal``: the outward normal, on a side. ``integrals`` collects
    integrands by the symbol that stands for the integral; None where no integral is allowed. ``used_names`` collects
    the names of ``values`` met. ``later_names``: names defined further down. ``context`` completes "unknown name 'a' in
    ...".
    """

    space: JetSpace
    values: Mapping[str, sympy.Expr] = field(default_factory=dict)
    allows_unknowns: bool = False
    allows_coordinates: bool = True
    normal: Sequence[sympy.Expr | float] | None = None
    vectors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    integrals: dict[sympy.Symbol, sympy.Expr] | None = None
    used_names: set[str] = field(default_factory=set)
    later_names: tuple[str, ...] = ()
    context: str = "an expression"

    def known_names(self) -> list[str]:
        """All names that have a meaning here, for suggestions."""
        names = [*self.values, "pi", *FUNCTIONS]
        names += self.space.coordinates if self.allows_coordinates else ()
        if self.allows_unknowns:
            names += [*self.space.unknowns, *self.vectors, *self.operator_names()]
            names += [f"{u}_{c}" for u in self.space.unknowns for c in self.space.coordinates]
            names += [f"{u}_{c}{c}" for u in self.space.unknowns for c in self.space.coordinates if c in NUMBERED]
        return names

    def operator_names(self) -> list[str]:
        """The names of the operators, with those of the numbered coordinates of the domain."""
        return [*OPERATORS, *(f"d{c}" for c in self.space.coordinates if c in NUMBERED)]

    def is_operator(self, name: str) -> bool:
        """Whether a name is that of an operator here; that of ``dx1`` may be a parameter or function instead."""
        return name in OPERATORS or (name in NUMBERED_OPERATORS and name not in self.values)

    def is_normal(self, name: str) -> bool:
        """Whether a name is a component of the normal: ``n_x``, ``n_y``, .."""
        return name.startswith("n_") and name[2:] in self.space.coordinates and name != "n_t"

    def missing_coordinate_hint(self) -> str:
        """The hint for a coordinate that the domain lacks."""
        present = self.space.coordinates
        if any(c in NUMBERED for c in present):
            return f"its coordinates: {join_names(present)}"
        return "add its range to `domain`"

    def unknown_name_message(self, name: str, base: str, subscript: Sequence[str]) -> tuple[str, str]:
        """The message and the hint for a name that has no meaning; it may be ``base``, differentiated ``subscript``."""
        missing = sorted(set(subscript) - set(self.space.coordinates))
        if name in FUNCTIONS or self.is_operator(name):
            return f"'{name}' is a function and needs an argument", f"write {name}(...)"
        if name in self.later_names:
            return f"'{name}' is defined only further down", "move its definition up"
        if name in COORDINATES and name not in self.space.unknowns:
            if name in self.space.coordinates or not self.allows_coordinates:
                return f"the coordinate '{name}' cannot stand in {self.context}", "it must be a constant"
            return f"there is no coordinate '{name}' in this domain", self.missing_coordinate_hint()
        if self.is_normal(name):
            return f"'{name}' has a meaning only on a side of the domain", "it is the outward normal there"
        if name in self.space.unknowns or name in self.vectors:
            return f"the unknown '{name}' cannot stand in {self.context}", self._elsewhere()
        if base in self.space.unknowns and subscript and not missing and not self.allows_unknowns:
            return f"the unknown '{base}' cannot stand in {self.context}", self._elsewhere()
        if self.allows_unknowns and base in self.space.unknowns and subscript:
            return (
                f"'{name}' needs the coordinate '{missing[0]}', which the domain lacks",
                self.missing_coordinate_hint(),
            )
        return f"unknown name '{name}' in {self.context}", self._hint(name, base, subscript if not missing else ())

    def _elsewhere(self) -> str:
        """The hint for an unknown that is not allowed here."""
        return "write it out in the equations" if self.context == "a function" else ""

    def _hint(self, name: str, base: str, subscript: Sequence[str]) -> str:
        """The hint for a name that has no meaning."""
        if base in self.values and subscript:
            return f"write d{subscript[0]}({base}) for a derivative"
        if self.allows_unknowns and _joined(name, self.space, "_"):
            return f"write {_joined(name, self.space, '_')}"
        if name in ("e", "E"):
            return "write exp(x) for e**x, exp(1) for e"
        if self.allows_unknowns and _joined(name, self.space, ""):
            return f"write {_joined(name, self.space, '')}"
        if self.allows_unknowns and derivative_hint(name, self.space.unknowns, self.space.coordinates):
            return derivative_hint(name, self.space.unknowns, self.space.coordinates)
        if name.lower() in ("inf", "infinity", "infty", "nan"):
            return "every number is finite: write one that is large enough"
        if subscript and base and self.allows_unknowns and not did_you_mean(base, self.space.unknowns):
            return f"'{base}' is not among the unknowns: {', '.join(self.space.unknowns)}"
        if name in ("i", "j", "I"):
            return f"complex numbers are {COMPLEX_HINT}; else {self._define()}"
        return self._spelled(name) or self._define()

    def _spelled(self, name: str) -> str:
        """The suggestion of a similar name (``u`` for ``uu``, not ``mu``), or of parentheses for a function.

        Else "".
        """
        known = self.known_names()
        for function in FUNCTIONS:
            if name.startswith(function) and name.removeprefix(function) in known:
                return f"write {function}({name.removeprefix(function)})"
        alike = [k for k in known if min(len(k), len(name)) > 1 or set(k.lower()) == set(name.lower())]
        is_greek = name.lower() in GREEK_NAMES
        return did_you_mean(name, [k for k in alike if not is_greek or len(k) > 2 or k.lower() == name.lower()])

    def _define(self) -> str:
        """The hint where to define a name."""
        if self.context == "a parameter":
            return "define it above"
        formula = ", or a formula under `functions`" if self.allows_coordinates else ""
        return f"give it a value under `parameters`{formula}"


def _joined(name: str, space: JetSpace, between: str) -> str:
    """The derivative meant by a name whose subscript is split or not set off (``u_x1_x2``, ``uxx``), or ""."""
    for unknown in space.unknowns:
        subscript = name.removeprefix(f"{unknown}{between}").replace("_", "")
        subscript = re.sub(r"^(\d)([xyzt])$", lambda found: found[2] * int(found[1]), subscript)
        if name.startswith(f"{unknown}{between}") and order_of(subscript, space.coordinates):
            return f"{unknown}_{subscript}"
    return ""
