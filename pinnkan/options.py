"""What options of the command line hold: numbers in a range, whole numbers, NAME=VALUE."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any


class Assignments(argparse.Action):
    """Collects NAME=VALUE."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        name, equals, value = (part.strip() for part in values.partition("="))
        if not (name and equals and value):
            raise argparse.ArgumentError(self, f"'{values}' is not NAME=VALUE")
        given = dict(getattr(namespace, self.dest))
        if name in given:
            raise argparse.ArgumentError(self, f"'{name}' is given twice")
        setattr(namespace, self.dest, given | {name: value})


def number(low: float, high: float) -> Callable[[str], float]:
    """Reads a number between the ends, which count only where they are positive lower ones."""

    def convert(text: str) -> float:
        value = float(text)
        if not (low < value or value == low > 0) or not value < high:
            meant = f"between {low:g} and {high:g}" if high < math.inf else f"a number above {low:g}"
            raise argparse.ArgumentTypeError(f"{text} is not {meant}")
        return value

    convert.__name__ = "number"
    return convert


def whole(low: int, high: int) -> Callable[[str], int]:
    """Reads a whole number, both ends included."""

    def convert(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not between {low} and {high}")
        return value

    convert.__name__ = "whole number"
    return convert
