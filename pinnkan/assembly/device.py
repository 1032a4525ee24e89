"""The device of arrays: the host, whose memory numpy can read, or another one."""

import torch

#: The factor on chunk sizes on other devices, whose kernels take some microseconds to start. Heuristic, not measured.
DEVICE_FACTOR = 32


def is_host(device: torch.device) -> bool:
    """Whether numpy can read the memory of a device."""
    return device.type == "cpu"


def batch_size(count: int, device: torch.device) -> int:
    """The size of a chunk on a device that is ``count`` on the host."""
    return count if is_host(device) else DEVICE_FACTOR * count
