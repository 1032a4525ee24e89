"""Nothing of the command needs a system of the POSIX family: what only these have is taken away from it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pinnkan

#: What Windows has not: modules of the standard library, functions of ``os`` and ``signal``, limits of a process.
SCRIPT = """
import os, signal, sys
import psutil
del psutil.RLIMIT_AS
for name in ("fcntl", "resource", "pwd", "grp", "termios", "tty"):
    sys.modules[name] = None
for name in ("O_DIRECTORY", "sched_getaffinity", "fork", "getuid", "geteuid", "mkfifo", "killpg", "statvfs"):
    delattr(os, name)
for name in ("SIGPIPE", "SIGHUP", "SIGKILL", "SIGALRM"):
    delattr(signal, name)
from pinnkan.cli import main
read = ["eval", "results/poisson1d", "--points", "p.csv", "--out", "v.csv"]
sys.exit(main(["solve", "poisson1d", "-q"]) or main(read))
"""


@pytest.mark.slow
def test_a_problem_is_solved_without_what_only_posix_has(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("x\n0.5\n")
    environment = os.environ | {"PYTHONPATH": str(Path(pinnkan.__file__).parent.parent)}
    command = [sys.executable, "-W", "ignore:only soft file lock is available", "-c", SCRIPT]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results/poisson1d/solution.vtu").exists()
    assert (tmp_path / "v.csv").read_text().startswith("x,u\n0.5,")
