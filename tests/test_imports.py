"""What a command imports later, and that it is there for whoever asks."""

from __future__ import annotations

import gc
import subprocess
import sys

from pinnkan.imports import BEHIND, PARTS, settle

_BEGIN = """
import gc, sys
from pinnkan.imports import BEHIND, PARTS, hasten, settle
hasten()
import torch
waiting = [name for name in (*PARTS, *BEHIND) if "_own" in vars(sys.modules[name])]
"""


def _printed(program: str, begin: str = _BEGIN) -> str:
    done = subprocess.run([sys.executable, "-c", begin + program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_parts_of_torch_wait_until_they_are_asked_for():
    assert _printed("print(*waiting)").split() == [*PARTS, *BEHIND]
    assert _printed("print(torch.optim.SGD.__name__, '_own' in vars(sys.modules['torch.optim']))") == "SGD False"
    assert _printed("print(*torch.broadcast_shapes((2, 1), (3,)))") == "2 3"  # by torch._refs, which nobody imports
    assert _printed("print(hasattr(torch.optim, 'SGD'), hasattr(torch.optim, 'no_such_name'))") == "True False"
    assert _printed("print(torch.distributions.Normal(0.0, 1.0).mean.item())") == "0.0"


def test_all_of_torch_is_imported_where_nobody_hastens():
    begin = "import sys, torch\n"
    assert _printed("print('_own' in vars(sys.modules['torch._meta_registrations']))", begin) == "False"


def test_garbage_is_looked_for_again_once_all_is_imported():
    assert _printed("print(gc.isenabled(), end=' '); settle(); print(gc.isenabled(), gc.get_freeze_count() > 0)") == (
        "False True True"
    )


def test_nothing_settles_what_was_not_hastened():
    gc.disable()
    try:
        settle()
        assert not gc.isenabled()
    finally:
        gc.enable()
