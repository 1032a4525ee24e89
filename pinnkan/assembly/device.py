"""Where numbers lie: the host, whose numbers numpy sees, or another device."""

import torch

#: As many times as many points are worked on at once elsewhere. A part that stays in the cache of a processor takes a
#: GPU less time than to start its kernels (some microseconds each), and no cache of its own is as small. Reckoned, not
#: measured: no GPU was at hand.
LARGER = 32


def is_host(device: torch.device) -> bool:
    """Whether numpy sees what lies there."""
    return device.type == "cpu"


def at_once(count: int, device: torch.device) -> int:
    """How many are worked on at once of what is ``count`` on the host."""
    return count if is_host(device) else LARGER * count
