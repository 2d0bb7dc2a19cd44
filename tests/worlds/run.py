#!/usr/bin/env python3
"""Runs random worlds and holds the program to the oracle.

    PM=target/release/portmatrix python3 tests/worlds/run.py --seeds 1-200 [--jobs N] [--shrink] [--with drop,nat-to-port]
    python3 tests/worlds/run.py --show 17          what stands in a world, every hop with what was said and what is right
    python3 tests/worlds/run.py --fixed            the seeds of CI

Needs root, ip, nft, nginx, openssl. Exits with 1 when a world differs.
"""

import argparse
import collections
import json
import multiprocessing
import os
import signal
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import net
import oracle
import primitives
import world as worlds
from shared import Shared, missing

# Between them nearly all primitives, and none whose outcome is a matter of luck.
FIXED = [8, 20, 52, 67, 72, 98, 110, 116, 144, 169, 227, 245, 303, 328, 406, 433, 445, 566, 571, 590]


def words(spec):
    base = f"IPv{'+'.join(map(str, spec['families']))}{' two addresses' if spec['second'] else ''}; " + ", ".join(f"{f}: {h or 'open'}" for f, h in spec["shut"].items())
    return base + "".join(f"\n      {name} {json.dumps(params)}" for name, params in spec["primitives"])


def judge(spec, shared):
    """Runs a world; gives its differences and how many hops it had."""
    w = worlds.live(spec, shared)
    try:
        return list(oracle.differences(w)), len(w.result.get("hops", []))
    finally:
        w.close()


def shrink(spec, shared, wanted):
    """Leaves out what can be left out while a difference of the same kind at the same flow is still there."""
    def differs(candidate):
        for _ in range(2):
            found = judge(candidate, shared)[0]
            if any((d.kind, d.hop.split()[0]) in wanted for d in found):
                return True
        return False
    smaller = dict(spec)
    for n in reversed(range(len(spec["primitives"]))):
        candidate = dict(smaller, primitives=[p for i, p in enumerate(smaller["primitives"]) if i != n])
        if differs(candidate):
            smaller = candidate
    for change in ({"second": False}, {"families": smaller["families"][:1]}, {"shut": {"deny": "drop", "past-the-front": "drop"}}):
        candidate = dict(smaller, **change)
        if candidate != smaller and differs(candidate):
            smaller = candidate
    return smaller


STATE = {}


def stop_once(*_):
    """The first signal stops; later ones do not disturb the cleaning up."""
    if not STATE.get("stopping"):
        STATE["stopping"] = True
        raise KeyboardInterrupt


def heed_signals():
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop_once)


def one(task):
    seed, only, shrinking, again = task
    shared = STATE.get("shared") or STATE.setdefault("shared", Shared())
    spec = worlds.draw(seed, only)
    try:
        found, hops = judge(spec, shared)
        times = 1
        if found and again:
            # Once more: what does not come again is said to be rare.
            keys = {d.key() for d in judge(spec, shared)[0]}
            times = 2 if any(d.key() in keys for d in found) else 1
        small = shrink(spec, shared, {(d.kind, d.hop.split()[0]) for d in found}) if found and shrinking else None
        return seed, spec, found, hops, small, times, None
    except KeyboardInterrupt:
        raise
    except Exception:
        return seed, spec, [], 0, None, 1, traceback.format_exc()


def show(seed, only, shared):
    spec = worlds.draw(seed, only)
    print(f"seed {seed}: {words(spec)}\n")
    w = worlds.live(spec, shared)
    judged = oracle.Oracle(w)
    print(f"{len(judged.moments)} moments, exit code {w.code}, {w.finished - w.begun:.1f} s")
    for hop in w.result.get("hops", []):
        flow = oracle.plan.BY_ID.get(hop["flow"].split("/")[-1])
        right = judged.of(flow, hop) if flow else None
        ok = " " if right is None or oracle.said(hop) in right.allowed else "X"
        print(f"{ok} {flow.id:15} {hop['to'].get('address', '-'):14} {hop['verdict']:12} {hop['reason']:22} {hop['answered_by']:10} right: "
              f"{'/'.join(sorted(right.allowed)) if right else '?'} ({right.why if right else ''})")
        for note in hop.get("notes", []):
            print(f"      note {note}")
        if hop.get("sighting"):
            print(f"      sighting {json.dumps(hop['sighting'])}")
        if os.environ.get("STEPS"):
            for step in hop["steps"]:
                print(f"      step {json.dumps(step)}")
            for evidence in hop["evidence"]:
                print(f"      evidence {json.dumps(evidence)}")
    print(*(f"  {d.kind}: {d.hop}: {d.said} | right: {d.right}" for d in oracle.differences(w)), sep="\n")
    if not w.result.get("hops"):
        print(w.result)
    w.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="1-100")
    parser.add_argument("--fixed", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--shrink", action="store_true")
    parser.add_argument("--again", action="store_true", help="run a world that differs once more, and say whether it does again")
    parser.add_argument("--show", type=int)
    parser.add_argument("--with", dest="only", default="")
    parser.add_argument("--list", action="store_true", help="print the primitives")
    options = parser.parse_args()
    if options.list:
        print(*(f"{name:22} {(type(p).__doc__ or '').strip().splitlines()[0]}" for name, p in sorted(primitives.ALL.items())), sep="\n")
        return 0
    lacks = missing()
    if lacks:
        print(f"random worlds need {', '.join(lacks)}")
        return 2
    only = [p for p in options.only.split(",") if p]
    unknown = [p for p in only if p not in primitives.ALL]
    if unknown:
        print(f"no primitive is called {', '.join(unknown)}")
        return 2
    heed_signals()
    net.remove_left_over()
    if options.show is not None:
        shared = Shared()
        try:
            show(options.show, only, shared)
        finally:
            shared.remove()
        return 0
    first, _, last = options.seeds.partition("-")
    seeds = FIXED if options.fixed else list(range(int(first), int(last or first) + 1))
    tasks = [(seed, only, options.shrink, options.again) for seed in seeds]
    begun, hops, differing, broken = time.time(), 0, 0, 0
    kinds = collections.Counter()
    with Workers(options.jobs) as workers:
        for seed, spec, found, count, small, times, error in workers.run(tasks):
            hops += count
            if error:
                broken += 1
                print(f"seed {seed}: the world broke\n    {words(spec)}\n{error}", flush=True)
            if not found:
                continue
            differing += 1
            print(f"seed {seed}: {words(spec)}")
            if small is not None:
                print(f"    shrunk: {words(small)}")
            if options.again and times == 1:
                print("    (not the second time)")
            for d in found:
                kinds[d.kind] += 1
                print(f"    {d.kind}: {d.hop}\n        said  {d.said}\n        right {d.right}")
            sys.stdout.flush()
    print(f"\n{len(seeds)} worlds, {hops} hops, {time.time() - begun:.0f} s: {differing} worlds differ" + (f", {broken} broke" if broken else ""))
    for kind, count in kinds.most_common():
        print(f"    {count:5} {kind}")
    return 1 if differing or broken else 0


class Workers:
    """Processes that run worlds; each has its own keys and ends with its own programs."""

    def __init__(self, count):
        self.count = count
        self.processes = []

    def __enter__(self):
        self.tasks, self.results = multiprocessing.Queue(), multiprocessing.Queue()
        for _ in range(self.count):
            process = multiprocessing.Process(target=self.work, args=(self.tasks, self.results), daemon=False)
            process.start()
            self.processes.append(process)
        return self

    @staticmethod
    def work(tasks, results):
        heed_signals()
        shared = None
        try:
            shared = Shared()
            STATE["shared"] = shared
            while (task := tasks.get()) is not None:
                results.put(one(task))
        except KeyboardInterrupt:
            pass
        finally:
            if shared:
                shared.remove()

    def run(self, tasks):
        for task in tasks:
            self.tasks.put(task)
        for _ in self.processes:
            self.tasks.put(None)
        for _ in tasks:
            while True:
                try:
                    yield self.results.get(timeout=5)
                    break
                except multiprocessing.queues.Empty:
                    if not any(p.is_alive() for p in self.processes):
                        raise RuntimeError("the workers are gone") from None

    def __exit__(self, *_):
        for process in self.processes:
            if process.is_alive():
                process.terminate() if _[0] else None
            process.join(20)


if __name__ == "__main__":
    import multiprocessing.queues
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
