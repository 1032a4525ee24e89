"""Tables: columns per unknown where the records have them, quantities with or without time."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

from closed_form import levels

from pinnkan.export.tables import levels_csv, quantities_csv
from pinnkan.verdict.records import Reading


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_errors_of_several_unknowns_are_columns_of_their_own() -> None:
    first, *others = levels("flow")
    each = [replace(level, estimates=(1e-3, 2e-3), true_errors=(1e-4, 2e-4)) for level in others]
    found = rows(levels_csv([first, *each], ["velocity", "p"]))
    assert [row["estimate_p"] for row in found] == ["", "0.002", "0.002"]
    assert found[1]["true_error_velocity"] == "0.0001"
    assert "estimate_p" not in rows(levels_csv([first], ["velocity", "p"]))[0]


def test_a_curve_has_a_row_per_time_and_a_number_one() -> None:
    curve = Reading((1.0, 2.0), (0.1, 0.2), (0.0, 0.5))
    number = Reading((3.0,), None)
    assert rows(quantities_csv({"mass": curve, "peak": number}, {"x": "m"})) == [
        {"quantity": "mass", "time": "0.0", "value": "1.0", "error": "0.1"},
        {"quantity": "mass", "time": "0.5", "value": "2.0", "error": "0.2"},
        {"quantity": "peak", "time": "", "value": "3.0", "error": ""},
    ]


def test_a_quantity_with_a_unit_says_it() -> None:
    number = Reading((3.0,), None)
    found = rows(quantities_csv({"mass": number, "count": number}, {"mass": "kg"}))
    assert [row["unit"] for row in found] == ["kg", ""]
    assert "unit" not in rows(quantities_csv({"count": number}, {"mass": "kg"}))[0]
