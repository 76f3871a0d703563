#!/usr/bin/env python3
"""Writes the cases that serve.py replays, as JSON. The same seed, the same suite.

A case: its name, `requests` as [arrival_s, input tokens, output tokens], how often it is repeated
(`repeats`), and the `models` it is for (all where it names none).
"""

import argparse
import json
import random

CHAT = ((6.2, 0.8), (4.8, 0.6))  # (mean, deviation) of the logarithms of input and output tokens
INPUT_LIMITS = (16, 2000)
OUTPUT_LIMITS = (4, 480)


def clipped(value, limits):
    return int(max(limits[0], min(limits[1], value)))


def chat(dice, rate_per_s, count):
    """Poisson arrivals of lognormal lengths."""
    arrival_s, requests = 0.0, []
    for _ in range(count):
        arrival_s += dice.expovariate(rate_per_s)
        requests.append([round(arrival_s, 6),
                         clipped(dice.lognormvariate(*CHAT[0]), INPUT_LIMITS),
                         clipped(dice.lognormvariate(*CHAT[1]), OUTPUT_LIMITS)])
    return requests


def burst(count, input_tokens=512, output_tokens=64):
    return [[0, input_tokens, output_tokens]] * count


def cases(seed, quick):
    dice = random.Random(seed)
    always = [
        {"name": "warm", "requests": burst(4, 256, 8)},
        {"name": "single", "repeats": 2 if quick else 3, "requests": burst(1, 512, 100)},
        {"name": "b8", "requests": burst(8)},
        {"name": "b32", "requests": burst(32)},
    ]
    if quick:
        return always + [{"name": "light", "requests": chat(dice, 6.0, 20)}]
    return always + [
        {"name": "b96", "requests": burst(96)},
        {"name": "light", "requests": chat(dice, 2.0, 24), "models": ["32b", "70b"]},
        {"name": "heavy", "requests": chat(dice, 8.0, 120), "models": ["32b", "70b"]},
        {"name": "light", "requests": chat(dice, 6.0, 60), "models": ["8b"]},
        {"name": "heavy", "requests": chat(dice, 40.0, 400), "models": ["8b"]},
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="suite.json", help="the file to write (%(default)s)")
    parser.add_argument("--seed", type=int, default=20261122, help="(%(default)s)")
    parser.add_argument("--quick", action="store_true", help="the smaller cases: a try-out")
    options = parser.parse_args()
    with open(options.out, "w", encoding="utf-8") as file:
        json.dump({"cases": cases(options.seed, options.quick)}, file)
    print(options.out)


if __name__ == "__main__":
    main()
