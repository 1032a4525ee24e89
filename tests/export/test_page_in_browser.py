"""The view of ``report.html`` in a real browser, from a file: no error, values under the pointer, sliders, turning."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from closed_form import solved

from pinnkan.export.page import page_of
from pinnkan.export.report import report_of

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
#: On a build machine a missing browser is a failure, not a reason to skip.
pytestmark = pytest.mark.skipif(BROWSER is None and "CI" not in os.environ, reason="needs a browser: Debian's chromium")

#: What a user does, written into the page: each step's name -> what the page says, and a fingerprint of the drawing.
USER = """
<pre id="seen"></pre><script>
addEventListener("load", () => {
  const canvas = document.getElementById("canvas"), seen = {}, box = canvas.getBoundingClientRect();
  const look = (name) => {
    const all = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    seen[name] = { print: all.reduce((sum, v, k) => (sum * 31 + v * (k % 97)) % 2147483647, 0),
                   said: document.getElementById("said").textContent, when: document.getElementById("when").textContent,
                   cuts: document.getElementById("cuts").textContent };
  };
  const mouse = (kind, x, y) => {
    const place = { clientX: box.left + x * box.width, clientY: box.top + y * box.height, bubbles: true, pointerId: 1 };
    canvas.dispatchEvent(new PointerEvent("pointer" + kind, place));
    canvas.dispatchEvent(new MouseEvent("mouse" + kind, place));
  };
  canvas.setPointerCapture = () => {};
  look("start");
  mouse("move", 0.4, 0.5); look("pointed");
  mouse("down", 0.4, 0.5); mouse("move", 0.5, 0.6); mouse("up", 0.5, 0.6);
  window.dispatchEvent(new MouseEvent("mouseup")); look("dragged");
  canvas.dispatchEvent(new MouseEvent("dblclick")); look("again");
  const slider = document.querySelector("#cuts input") || document.getElementById("slider");
  slider.value = 1; slider.dispatchEvent(new Event("input")); look("slid");
  const field = document.getElementById("field");
  field.value = "error"; field.dispatchEvent(new Event("change")); look("error");
  document.getElementById("seen").textContent = JSON.stringify(seen);
});
</script></body>"""


def used(kind: str, folder: Path) -> dict[str, dict[str, Any]]:
    """What a user of the page of that solution sees, step by step."""
    solution = solved(kind)
    page = folder / "report.html"
    page.write_text(page_of(solution, report_of(solution, []), folder, []).replace("</body>", USER))
    command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    command += ["--enable-logging=stderr", "--virtual-time-budget=4000", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert all("willReadFrequently" in line for line in said), said  # of the reading back above
    found = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout)
    assert found is not None, done.stderr
    steps: dict[str, dict[str, Any]] = json.loads(unescape(found[1]))
    return steps


@pytest.mark.parametrize("kind", ["line", "plane", "pool", "box"])
def test_the_view_answers_its_user(kind: str, tmp_path: Path) -> None:
    steps = used(kind, tmp_path)
    prints = {name: step["print"] for name, step in steps.items()}
    assert prints["start"] == prints["pointed"] == prints["again"]
    assert len({prints[name] for name in ("start", "dragged", "error")}) == 3
    assert (prints["slid"] != prints["start"]) == (kind in ("pool", "box"))
    assert (steps["slid"]["when"], steps["start"]["when"]) == (("t = 0.04", "t = 1") if kind == "pool" else ("", ""))


@pytest.mark.parametrize("kind", ["plane", "box"])
def test_the_value_under_the_pointer_is_that_of_the_solution(kind: str, tmp_path: Path) -> None:
    said = used(kind, tmp_path)["pointed"]["said"]
    place, value = re.fullmatch(r"(.*): u = (\S+)", said).groups()  # type: ignore[union-attr]
    point = [float(part.split(" = ")[1]) for part in place.split(", ")]
    # a map has some 260 samples a side, a box 40; the field changes by 4 pi over its lengths at most
    assert float(value) == pytest.approx(solved(kind)([point])["u"][0], abs=0.06)


def test_a_box_says_where_its_planes_are(tmp_path: Path) -> None:
    steps = used("box", tmp_path)
    assert "x = 0" in steps["start"]["cuts"]
    assert "x = -0.9474" in steps["slid"]["cuts"]
