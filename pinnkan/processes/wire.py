"""Messages between processes: plain data as JSON, tensors as binary data; no code."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch

from pinnkan.errors import ResourceError
from pinnkan.processes.job import Job

#: Longest wait for a message: the leader may compute alone for hours, and the end of a process is noticed at once.
MESSAGE_TIMEOUT = timedelta(days=30)
#: Types of tensors that can be sent.
TENSOR_TYPES = {str(kind): kind for kind in (torch.float64, torch.int64)}


class LostProcessError(ResourceError):
    """A process of the job has ended before the others."""


@dataclass
class Traffic:
    """The messages and bytes that a process has sent and received, and the seconds that took."""

    messages: int = 0
    bytes: int = 0
    seconds: float = 0.0


class Wire:
    """The connections of one process of a ``job``; a tensor arrives on ``device`` if it left a device of that type."""

    def __init__(self, job: Job, device: torch.device) -> None:
        import torch.distributed as distributed

        self.job, self.device, self.traffic = job, device, Traffic()
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        distributed.init_process_group(backend, timeout=MESSAGE_TIMEOUT)
        self._distributed = distributed

    def send(self, message: object, to: int) -> None:
        """Send a message to a process. Raises LostProcessError: it has ended."""
        text, tensors = pack_message(message)
        head = torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)
        with self._counted(to):
            for tensor in (torch.tensor([len(head)]), head, *tensors):
                self._distributed.send(tensor, to)
                self._count(tensor)

    def receive(self, source: int) -> Any:
        """The next message of a process. Raises LostProcessError: it has ended."""
        with self._counted(source):
            length = self._received(torch.empty(1, dtype=torch.int64), source)
            head = self._received(torch.empty(int(length), dtype=torch.uint8), source)
            content = json.loads(head.numpy().tobytes())
            tensors = [self._received(self._empty(*described), source) for described in content["tensors"]]
            return unpack_message(content["message"], tensors)

    def _empty(self, shape: list[int], kind: str, place: str) -> torch.Tensor:
        device = self.device if place == self.device.type else torch.device(place)
        return torch.empty(shape, dtype=TENSOR_TYPES[kind], device=device)

    def _received(self, tensor: torch.Tensor, source: int) -> torch.Tensor:
        self._distributed.recv(tensor, source)
        self._count(tensor)
        return tensor

    def _count(self, tensor: torch.Tensor) -> None:
        self.traffic.messages += 1
        self.traffic.bytes += tensor.numel() * tensor.element_size()

    @contextmanager
    def _counted(self, other: int) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        except RuntimeError as error:  # torch.distributed raises it for all failures
            raise LostProcessError(f"process {other} of {self.job.count} has ended, or cannot be reached") from error
        finally:
            self.traffic.seconds += time.perf_counter() - began

    def close(self) -> None:
        """Leave the process group."""
        self._distributed.destroy_process_group()


def pack_message(message: object) -> tuple[str, list[torch.Tensor]]:
    """The JSON text of numbers, texts, None, tensors and sequences of them, and the tensors that it refers to."""
    tensors: list[torch.Tensor] = []

    def plain(value: object) -> object:
        if isinstance(value, torch.Tensor):
            tensors.append(value.detach().contiguous())
            return {"tensor": len(tensors) - 1}
        return [plain(v) for v in value] if isinstance(value, list | tuple) else value

    content = plain(message)
    described = [[list(t.shape), str(t.dtype), t.device.type] for t in tensors]
    return json.dumps({"message": content, "tensors": described}), tensors


def unpack_message(content: Any, tensors: list[torch.Tensor]) -> Any:
    """The message of :func:`pack_message`, with sequences as lists."""
    if isinstance(content, list):
        return [unpack_message(v, tensors) for v in content]
    return tensors[content["tensor"]] if isinstance(content, dict) else content
