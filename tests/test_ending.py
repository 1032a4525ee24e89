"""How a command ends: with its code and all of its output, whatever Python would have done beside that."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import atexit, os, sys, threading, time
{before}
from pinnkan.haste import ended_at_once

class Module:
    def __del__(self, write=os.write): write(1, b"taken apart")

module = Module()

def run():
    atexit.register(print, "registered later")
    threading.Thread(target=lambda: (time.sleep(0.2), print("thread"))).start()
    print("output" * 2000)
    return {result}

sys.exit(ended_at_once(run))
"""


def ended(before: str = "", result: str = "7") -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(before=before, result=result)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)


def test_code_output_threads_and_functions_at_exit_are_as_ever_and_modules_are_left_alone():
    done = ended()
    assert done.returncode == 7
    assert done.stdout.split() == ["output" * 2000, "thread", "registered", "later"]


def test_where_somebody_registered_before_the_end_is_pythons_own():
    done = ended("atexit.register(print, 'registered before')")
    assert done.returncode == 7
    assert done.stdout.splitlines()[-3:] == ["registered later", "registered before", "taken apart"]


def test_what_is_raised_ends_as_ever():
    done = ended(result="1 / 0")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert "taken apart" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk is a device of Linux")
def test_output_that_cannot_be_written_is_said():
    program = "import sys\nfrom pinnkan.haste import ended_at_once\nsys.exit(ended_at_once(lambda: bool(print(1))))"
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, text=True, env=buffered
        )
    assert done.returncode == 120  # Python's own
    assert "No space left" in done.stderr


def test_closed_streams_are_no_matter():
    program = "import sys\nfrom pinnkan.haste import ended_at_once\nsys.exit(ended_at_once(lambda: 3))"
    done = subprocess.run([sys.executable, "-c", program], preexec_fn=lambda: (os.close(1), os.close(2)))
    assert done.returncode == 3
