"""What a command leaves out while it imports: garbage, what numpy has not imported, manuals of artists."""

from __future__ import annotations

import gc
import subprocess
import sys

from pinnkan.haste import settle


def test_garbage_is_looked_for_again_once_all_is_imported():
    program = "import gc; from pinnkan.haste import *; hasten(); a = gc.isenabled(); settle(True)\n"
    program += "print(a, gc.isenabled(), gc.get_freeze_count() > 0)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "True"]


def test_nothing_settles_what_was_not_hastened():
    gc.disable()
    try:
        settle(False)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_all_of_torch_is_there_for_a_command():
    """With what is for compilers left out of the import, a generator failed in ``method: adam``."""
    program = "from pinnkan.haste import hasten; hasten(); import torch; torch.Generator().manual_seed(1)\n"
    program += "print(*torch.broadcast_shapes((2, 1), (3,)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "3"]


def test_scipy_is_imported_without_what_numpy_has_not():
    program = "import sys; from pinnkan.haste import bare_numpy\nwith bare_numpy({}): import scipy.linalg\n"
    program += "print('numpy.f2py' in sys.modules); from numpy import *; print('f2py' in dir())"
    command = [sys.executable, "-c"]
    for hastened, copied in ((True, "False"), (False, "True")):
        done = subprocess.run([*command, program.format(hastened)], capture_output=True, text=True, check=True)
        assert done.stdout.split() == [copied, "True"]


def test_artists_are_documented_where_the_process_is_not_the_commands():
    program = "from pinnkan.haste import undocumented_artists; undocumented_artists({})\n"
    program += "from matplotlib.figure import Figure; print('frameon' in str(Figure.set.__doc__))\n"
    program += "print(Figure().subplots().set(xlabel='x')[0].get_text())"
    for hastened, told in ((True, "False"), (False, "True")):
        command = [sys.executable, "-c", program.format(hastened)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.split() == [told, "x"]
