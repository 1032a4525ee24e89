"""A team whose processes are threads: the same messages through queues."""

import json
import threading
from collections import defaultdict
from contextlib import contextmanager
from queue import Queue

from pinnkan.assembly.normal_matrix.shared_matrix import MAKERS
from pinnkan.processes.job import Job
from pinnkan.processes.team import lead_team, serve
from pinnkan.processes.wire import Traffic, pack_message, unpack_message


class Queues:
    """Stands for :class:`pinnkan.processes.wire.Wire`; tensors are copied, as on their way to another process."""

    def __init__(self, job, queues):
        self.job, self.queues, self.traffic = job, queues, Traffic()

    def send(self, message, to):
        text, tensors = pack_message(message)
        self._count(text, tensors)
        self.queues[self.job.rank, to].put((text, [t.clone() for t in tensors]))

    def receive(self, source):
        text, tensors = self.queues[source, self.job.rank].get(timeout=60)
        self._count(text, tensors)
        return unpack_message(json.loads(text)["message"], tensors)

    def _count(self, text, tensors):
        self.traffic.messages += 2 + len(tensors)
        self.traffic.bytes += 8 + len(text.encode()) + sum(t.numel() * t.element_size() for t in tensors)

    def close(self):
        pass


@contextmanager
def team_of(count, makers=MAKERS):
    queues = defaultdict(Queue)
    for pair in ((a, b) for a in range(count) for b in range(count)):
        queues[pair] = Queue()
    others = [
        threading.Thread(target=serve, args=(Queues(Job(rank, count), queues), makers), daemon=True)
        for rank in range(1, count)
    ]
    for thread in others:
        thread.start()
    with lead_team(Queues(Job(0, count), queues), makers) as team:
        yield team
    for thread in others:
        thread.join(60)
        assert not thread.is_alive()
