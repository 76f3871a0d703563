"""What the scheduler and the workers share: a ring of plans and a few counters, in shared memory.

A plan is a step's rows: (slot, position, new tokens) for each sequence, decodes first. Both sides
poll: a step of some ms leaves no time for anything slower.
"""

from multiprocessing import shared_memory

import numpy as np

RING = 32       # plans that may be on their way; far more than steps in flight
ROWS_MAX = 128  # sequences a step
HEAD = 2        # rows, decodes
PLAN = HEAD + 3 * ROWS_MAX
WORKERS_MAX = 16

# Counters: steps published, steps done, whether to stop, and a flag for each ready worker.
PUBLISHED, DONE, STOP, READY = 0, 1, 2, 8


class Channel:
    def __init__(self, names=None):
        """Makes the shared memory, or opens what another process made and called `names`."""
        sizes = (RING * PLAN * 4, (READY + WORKERS_MAX) * 8)
        if names is None:
            self.blocks = [shared_memory.SharedMemory(create=True, size=size) for size in sizes]
        else:
            self.blocks = [shared_memory.SharedMemory(name=name) for name in names]
        self.is_owner = names is None
        self.plans = np.ndarray((RING, PLAN), np.int32, self.blocks[0].buf)
        self.counters = np.ndarray((READY + WORKERS_MAX,), np.int64, self.blocks[1].buf)
        if self.is_owner:
            self.counters[:] = 0

    @property
    def names(self):
        return [block.name for block in self.blocks]

    def publish(self, step, rows, decodes):
        """Hands plan number `step` to the workers."""
        plan = self.plans[step % RING]
        plan[0], plan[1] = len(rows), decodes
        plan[HEAD:HEAD + 3 * len(rows)] = np.asarray(rows, np.int32).reshape(-1)
        self.counters[PUBLISHED] = step + 1  # last: the workers watch it

    def take(self, step):
        """Waits for plan number `step`: (rows, decodes), or None where there will be none."""
        while self.counters[PUBLISHED] <= step:
            if self.counters[STOP]:
                return None
        plan = self.plans[step % RING].copy()
        rows = plan[HEAD:HEAD + 3 * int(plan[0])].reshape(-1, 3)
        return rows.tolist(), int(plan[1])

    def finish(self, step):
        self.counters[DONE] = step + 1

    def is_finished(self, step):
        return self.counters[DONE] > step

    def set_ready(self, rank):
        self.counters[READY + rank] = 1

    def ready_count(self):
        return int(self.counters[READY:].sum())

    def stop(self):
        self.counters[STOP] = 1

    def close(self):
        self.plans = self.counters = None  # views keep the memory from closing
        for block in self.blocks:
            block.close()
            if self.is_owner:
                block.unlink()
