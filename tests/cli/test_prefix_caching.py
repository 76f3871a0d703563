#!/usr/bin/python3
"""Prefix caching: is as much found again as an engine that keeps its blocks one by one finds?"""

import collections
import json
import random

import h5py

from tandem_cli import SCENARIO, TandemTest, main

PIECE_TOKENS = 512
BLOCK_TOKENS = 16
KV_BLOCKS = 4000


class BlockCache:
    """vLLM's cache, block by block: blocks that nobody holds queue for being used anew, those that
    were given back the longest ago first, a request's last one before its first, and each is found
    again until then. One request at a time."""

    def __init__(self, blocks):
        self.queue = collections.OrderedDict((block, None) for block in range(blocks))
        self.holds = {}  # hash by block
        self.found = {}  # block by hash

    def serve(self, hashes, blocks):
        """Serves a request of so many blocks, whose first ones have these hashes; how many were
        found."""
        hits = []
        for each in hashes:
            if each not in self.found:
                break
            hits.append(self.found[each])
        for block in hits:
            del self.queue[block]
        fresh = [self.queue.popitem(last=False)[0] for _ in range(blocks - len(hits))]
        for block in fresh:
            old = self.holds.pop(block, None)
            if old is not None and self.found.get(old) == block:
                del self.found[old]
        for block, each in zip(fresh, hashes[len(hits):]):
            self.holds[block] = each
            self.found.setdefault(each, block)
        for block in reversed(hits + fresh):
            self.queue[block] = None
        return len(hits)


def pieces_of(prompt):
    """The piece of each whole block, and the block's number in it."""
    tokens, ids = prompt
    whole = tokens // BLOCK_TOKENS
    per_piece = PIECE_TOKENS // BLOCK_TOKENS
    return [(ids[block // per_piece], block % per_piece) for block in range(whole)]


def drawn_prompts(count, rng):
    """Chat sessions that come back: each prompt is a session's so far and some more."""
    ids = iter(range(10**9))
    sessions = []
    prompts = []
    for _ in range(count):
        if sessions and rng.random() < 0.7:
            tokens, pieces = sessions.pop(rng.randrange(len(sessions)))
        else:
            tokens, pieces = rng.choice([(0, []), (700, [10**9])])  # a system prompt, or none
        whole = tokens // PIECE_TOKENS
        tokens += rng.randint(20, 900)
        pieces = pieces[:whole] + [next(ids) for _ in range(-(-tokens // PIECE_TOKENS) - whole)]
        prompts.append((tokens, pieces))
        if tokens < 8000:
            sessions.append((tokens, pieces))
        sessions = sessions[-25:]
    return prompts


class TraceTest(TandemTest):
    def write_trace(self, name, prompts, gap_ms=100_000, output_tokens=60):
        path = self.folder / name
        path.write_text("".join(
            json.dumps({"timestamp": i * gap_ms, "input_length": tokens, "output_length": output_tokens,
                        "hash_ids": ids}) + "\n" for i, (tokens, ids) in enumerate(prompts)))
        return path

    def run_trace(self, path, *options):
        return json.loads(self.tandem_ok(
            "run", SCENARIO, "--json", "--quiet", "--set", f"workload={{trace: {{file: {path}}}}}",
            "--set", "run={}", "--set", f"engine.kv_tokens={KV_BLOCKS * BLOCK_TOKENS}", *options))


class Caching(TraceTest):
    def test_finds_what_blocks_one_by_one_would(self):
        # Requests one after the other, in KV for 20 of them: expect the share that is found to be
        # within 0.1% of the prompts of what a cache of blocks finds; pieces go whole here, there block
        # by block, and a prompt that is there to its end is no whole block shorter here.
        prompts = drawn_prompts(1500, random.Random(1))
        cache = BlockCache(KV_BLOCKS)
        found = 0
        for tokens, ids in prompts:
            hashes = pieces_of((tokens, ids))
            hits = cache.serve(hashes, -(-(tokens + 60 - 1) // BLOCK_TOKENS))
            found += min(hits * BLOCK_TOKENS, (tokens - 1) // BLOCK_TOKENS * BLOCK_TOKENS)
        expected = found / sum(tokens for tokens, _ in prompts)
        self.assertTrue(0.2 < expected < 0.8, expected)
        result = self.run_trace(self.write_trace("chat.jsonl", prompts))
        self.assertAlmostEqual(result["cached_input_share"], expected, delta=0.001)

    def test_what_is_found_is_not_computed(self):
        # The same prompt of 4,000 tokens twice: the second time all but its last block are there,
        # 3,984 tokens, and the first token comes at least ten times sooner. Without caching neither
        # is true; nor with another prompt in between that takes all of the KV.
        same = (4000, list(range(8)))
        other = (63_900, list(range(100, 225)))
        cases = {
            "same": ([same, same], [], 3984 / 8000),
            "off": ([same, same], ["--set", "engine.prefix_caching=false"], None),
            "pushed out": ([same, other, same], [], 0),
        }
        for name, (prompts, options, share) in cases.items():
            with self.subTest(name):
                result = self.run_trace(self.write_trace("m.jsonl", prompts), *options)
                self.assertEqual(result["cached_input_share"], share)
                if len(prompts) > 2:
                    continue
                slower = result["ttft_s"]["max"]
                faster = 2 * result["ttft_s"]["mean"] - slower
                if name == "same":
                    self.assertLess(10 * faster, slower)
                else:
                    self.assertAlmostEqual(faster, slower, delta=0.1 * slower)


class Advice(TandemTest):
    def test_layouts_are_compared_with_their_caches(self):
        # Expect what a comparison of layouts finds of the scenario's own to be what a run of as many
        # requests says: with a cache, a median that without one is over twice as long.
        medians = {}
        for caching in ("true", "false"):
            options = ["scenarios/70b-prefixes", "--json", "--set", f"engine.prefix_caching={caching}",
                       "--set", "workload.requests=500"]
            advice = json.loads(self.tandem_ok("check", *options, "--recommend"))
            tried = next(each for each in advice["trials"]["layouts"] if each["tensor_parallel"] == 8)
            medians[caching] = tried["e2e_s_p50"]
            run = json.loads(self.tandem_ok("run", *options, "--quiet"))
            self.assertAlmostEqual(tried["e2e_s_p50"], run["e2e_s"]["p50"], places=9)
        self.assertLess(2 * medians["true"], medians["false"])


class Router(TraceTest):
    FOUR = ["--set", "model=models/llama-3.1-8b", "--set", "layout={tensor_parallel: 1, replicas: 4}"]

    def replicas(self, path, router):
        """The share of the input that is found, and each request's replica in order of arrival."""
        output = self.folder / f"{router}.h5"
        result = self.run_trace(path, *self.FOUR, "--set", f"layout.router={router}", "-o", output)
        with h5py.File(output) as file:
            requests = file["requests"][:]
        requests.sort(order="id")
        return result["cached_input_share"], [int(replica) for replica in requests["replica"]]

    def test_requests_go_to_where_their_prefix_is(self):
        # Three chats that take turns, one request at a time: with four replicas in turn each chat is
        # at another one each time, so that all 12 pairs of the two miss once; a router that knows the
        # caches sends each chat to one replica, and only the first three miss.
        prompts = [(3000, [chat * 100 + piece for piece in range(6)]) for chat in range(3)] * 20
        path = self.write_trace("chats.jsonl", prompts)
        found = 2992 / 3000
        share, replicas = self.replicas(path, "round_robin")
        self.assertAlmostEqual(share, found * (60 - 12) / 60)
        self.assertEqual(replicas, [0, 1, 2, 3] * 15)
        share, replicas = self.replicas(path, "cache_aware")
        self.assertAlmostEqual(share, found * (60 - 3) / 60)
        self.assertEqual(len({(chat, replica) for chat, replica in zip([0, 1, 2] * 20, replicas)}), 3)

    def test_a_replica_leads_by_64_requests(self):
        # 400 requests at once that begin alike: one replica has their prefix. It gets them until it
        # has over 64 more than another has, which then gets one: 64 or 65 more in the end.
        same = (3000, list(range(6)))
        path = self.folder / "burst.jsonl"
        path.write_text("".join(
            json.dumps({"timestamp": 100_000 * (i > 0), "input_length": same[0], "output_length": 20,
                        "hash_ids": same[1]}) + "\n" for i in range(401)))
        _, replicas = self.replicas(path, "cache_aware")
        counts = sorted(collections.Counter(replicas[1:]).values())
        self.assertEqual(len(counts), 4)
        self.assertLessEqual(counts[2] - counts[0], 1)
        self.assertIn(counts[3] - counts[0], (64, 65))


class Pools(TandemTest):
    def test_all_kv_moves_however_much_is_found(self):
        # Where one pool prefills for another, what it finds need not be computed, but moved: expect
        # the same bytes as without a cache, in as many transfers, whole or layer by layer.
        load = ("workload={arrivals: {process: poisson, rate: 3 /s}, requests: 150, input_tokens: "
                "{distribution: uniform, min: 100, max: 3000}, output_tokens: 20, "
                "prefixes: {count: 3, tokens: 1500}}")
        for mode in ("whole", "layerwise"):
            moved = {}
            for caching in ("true", "false"):
                result = json.loads(self.tandem_ok(
                    "run", "scenarios/70b-disaggregated", "--json", "--quiet", "--set", load,
                    "--set", f"layout.kv_transfer={mode}", "--set", f"engine.prefix_caching={caching}"))
                moved[caching] = result
            self.assertGreater(moved["true"]["cached_input_share"], 0.3)
            self.assertIsNone(moved["false"]["cached_input_share"])
            transfers = [moved[caching]["kv_transfers"] for caching in ("true", "false")]
            self.assertEqual(transfers[0]["count"], transfers[1]["count"])
            self.assertAlmostEqual(transfers[0]["bytes"] / transfers[1]["bytes"], 1, places=9)
            self.assertLess(moved["true"]["ttft_s"]["mean"], moved["false"]["ttft_s"]["mean"])


if __name__ == "__main__":
    main()
