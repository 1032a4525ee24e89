"""The page has the facts of the report, needs nothing else, and its view holds the values of the solution."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from closed_form import solved

import pinnkan
from pinnkan.export.page import MOST_NUMBERS, page_of, view_of
from pinnkan.export.pictures import draw_pictures
from pinnkan.export.report import report_of, verdict_words
from pinnkan.problem.registry import parse_problem


class Read(HTMLParser):
    """Tags that are open, every address, and the text outside of scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.text += data


def page(kind: str, folder: Path, converged: bool = True, files: tuple[str, ...] = ()) -> str:
    solution = solved(kind, converged)
    return page_of(solution, report_of(solution, files), folder, files)


@pytest.mark.parametrize("kind", ["line", "plane", "front", "pool", "flow", "box", "orbit", "vortex"])
def test_it_is_whole_says_the_verdict_and_loads_nothing(kind: str, tmp_path: Path) -> None:
    found = Read(page(kind, tmp_path))
    assert found.open == []
    assert verdict_words(solved(kind)) in found.text
    assert [a for a in found.addresses if not a.startswith("data:")] == []
    assert "Levels" in found.text or "Time slabs" in found.text


def test_what_failed_stands_out_with_what_to_try(tmp_path: Path) -> None:
    text = page("line", tmp_path, converged=False)
    assert '<strong class="failed">NOT CONVERGED' in text
    assert "<h3>What to try</h3>" in text
    assert "failed" not in page("line", tmp_path).split("</style>")[1]


def test_pictures_are_inside_and_it_stays_below_three_megabytes(tmp_path: Path) -> None:
    files, _ = draw_pictures(solved("pool"), tmp_path)
    text = page("pool", tmp_path, files=tuple(files))
    pictures = [base64.b64decode(a.split(",")[1]) for a in Read(text).addresses if a.startswith("data:image/png")]
    assert pictures == [(tmp_path / name).read_bytes() for name in files if name.endswith(".png")]
    assert len(text) < 3_000_000


@pytest.mark.parametrize("kind", ["line", "plane", "front", "pool", "box"])
def test_the_view_holds_the_values_of_the_solution(kind: str) -> None:
    solution = solved(kind)
    view = json.loads(view_of(solution))
    parts = [*([view["slider"]] if view["slider"] else []), *reversed(view["axes"])]
    shape = [part["count"] for part in parts]
    values = np.frombuffer(base64.b64decode(view["fields"]["u"]), "<f4").reshape(shape)
    assert sum(np.prod(shape) for _ in view["fields"]) <= MOST_NUMBERS
    place = [count // 3 for count in shape]
    at = {p["name"]: np.linspace(*p["ends"], p["count"])[k] for p, k in zip(parts, place, strict=True)}
    point = [at[c.name] for c in solution.problem.coordinates]
    assert values[tuple(place)] == pytest.approx(solution([point])["u"][0], abs=1e-6)
    assert view["errors"] == ["error_estimate", "error"]


def test_what_float32_does_not_hold_is_its_largest_number() -> None:
    text = (
        "name: large\ndomain: {t: [0, 1]}\nunknowns: [a]\nequations: [a_t = 0]\n"
        "conditions: [{where: initial, equation: a = -1e100}]"
    )
    solution = pinnkan.solve(parse_problem(text, "t.yaml"))
    with np.errstate(over="raise"):
        view = json.loads(view_of(solution))
    values = np.frombuffer(base64.b64decode(view["fields"]["a"]), "<f4")
    assert (values == np.finfo("<f4").min).all()


def test_a_name_cannot_leave_the_script(tmp_path: Path) -> None:
    solution = solved("line")
    odd = replace(solution, problem=replace(solution.problem, about="</script><script>alert(1)</script>"))
    text = page_of(odd, report_of(odd, []), tmp_path, [])
    assert not re.search(r"<script>alert", text)
