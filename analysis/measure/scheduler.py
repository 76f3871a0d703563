"""The serving engine's scheduler: replays the requests of one case, step by step.

- A step holds at most `step_tokens` tokens; at most `max_sequences` sequences run at once. A
  sequence's KV is a slot, taken on admission and kept to its end: nothing is preempted.
- Decodes first (one token each), then prefill chunks of running sequences, then new ones, first
  come first served, until the budget is spent.
- With several stages that many steps are in flight; a sequence is in at most one of them; a step
  takes at most ceil(running / stages) sequences, counting those that are admitted now.
- The step that ends a prompt yields its first token, each later one another.

Times are seconds from the start of the case.
"""

import math
import time
from dataclasses import dataclass

UNLIMITED = 10 ** 9
CASE_LIMIT_S = 300
ALIVE_CHECK_S = 1.0


class Stuck(Exception):
    """A case takes too long, or a worker has died."""


@dataclass
class Limits:
    step_tokens: int
    max_sequences: int
    stages: int


@dataclass
class Request:
    arrival_s: float
    input_tokens: int
    output_tokens: int
    slot: int = -1
    position: int = 0  # tokens whose KV is there
    produced: int = 0
    in_flight: bool = False
    scheduled_s: float = None
    first_token_s: float = None
    done_s: float = None

    @property
    def is_decoding(self):
        return self.position >= self.input_tokens

    def advance(self, tokens, now_s):
        """A step with `tokens` of it has come back; whether it was the last."""
        self.in_flight = False
        self.position += tokens
        if not self.is_decoding:
            return False
        self.produced += 1
        if self.first_token_s is None:
            self.first_token_s = now_s
        if self.produced < self.output_tokens:
            return False
        self.done_s = now_s
        return True


@dataclass
class Step:
    number: int
    scheduled_s: float
    picked: list  # of (request, tokens), decodes first
    decodes: int
    decode_context_tokens: int
    chunks: list  # of (start, length)
    done_s: float = None


class Scheduler:
    """One case. `replay()` it once; then `requests` and `steps` say what happened."""

    def __init__(self, requests, limits, channel, first_step):
        self.requests = [Request(*request) for request in requests]
        self.limits = limits
        self.channel = channel
        self.next_step = first_step
        self.steps = []
        self.free_slots = list(range(limits.max_sequences))
        self.arrived = 0
        self.waiting, self.running, self.in_flight = [], [], []
        self.begun_s = time.time() + 0.05

    def replay(self, is_alive):
        """
        Until every request is done; the number of the next case's first step. Raises Stuck;
        `is_alive` says whether the workers are.
        """
        left, next_check_s = len(self.requests), ALIVE_CHECK_S
        while left:
            now_s = time.time() - self.begun_s
            if now_s > next_check_s:
                next_check_s += ALIVE_CHECK_S
                if now_s > CASE_LIMIT_S or not is_alive():
                    raise Stuck(f"gave up after {now_s:.0f} s, {left} requests left")
            self._arrive(now_s)
            if self.in_flight and self.channel.is_finished(self.in_flight[0].number):
                left -= self._complete(self.in_flight.pop(0))
            elif len(self.in_flight) < self.limits.stages:
                self._start(now_s)
        return self.next_step

    def _arrive(self, now_s):
        while self.arrived < len(self.requests) and \
                self.requests[self.arrived].arrival_s <= now_s:
            self.waiting.append(self.requests[self.arrived])
            self.arrived += 1

    def _complete(self, step):
        """Books what a step has brought; how many requests it ended."""
        step.done_s = time.time() - self.begun_s
        ended = [request for request, tokens in step.picked
                 if request.advance(tokens, step.done_s)]
        for request in ended:
            self.running.remove(request)
            self.free_slots.append(request.slot)
        return len(ended)

    def _start(self, now_s):
        """Sends the next step off, where there is anything to do."""
        decodes, chunks = self._pick(now_s)
        picked = decodes + chunks
        if not picked:
            return
        step = Step(self.next_step, now_s, picked, len(decodes),
                    sum(request.position + 1 for request, _ in decodes),
                    [(request.position, tokens) for request, tokens in chunks])
        for request, _ in picked:
            request.in_flight = True
        rows = [(request.slot, request.position, tokens) for request, tokens in picked]
        self.channel.publish(step.number, rows, step.decodes)
        self.in_flight.append(step)
        self.steps.append(step)
        self.next_step += 1

    def _pick(self, now_s):
        """The next step's (request, tokens): decodes, and prefill chunks."""
        limits = self.limits
        budget, decodes, chunks = limits.step_tokens, [], []
        admissible = min(len(self.waiting), limits.max_sequences - len(self.running))
        share = UNLIMITED
        if limits.stages > 1:
            share = math.ceil((len(self.running) + admissible) / limits.stages)
        for request in self.running:
            if request.is_decoding and not request.in_flight and \
                    len(decodes) < share and budget > 0:
                decodes.append((request, 1))
                budget -= 1
        for request in self.running:
            if not request.is_decoding and not request.in_flight and \
                    len(decodes) + len(chunks) < share and budget > 0:
                tokens = min(budget, request.input_tokens - request.position)
                chunks.append((request, tokens))
                budget -= tokens
        while self.waiting and self.free_slots and len(decodes) + len(chunks) < share and \
                budget > 0:
            request = self._admit(now_s)
            tokens = min(budget, request.input_tokens)
            chunks.append((request, tokens))
            budget -= tokens
        return decodes, chunks

    def _admit(self, now_s):
        request = self.waiting.pop(0)
        request.slot = self.free_slots.pop(0)
        request.scheduled_s = now_s
        self.running.append(request)
        return request
