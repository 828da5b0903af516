"""Trains Crossfade and its peers in turn on the same Parquet, and compares speed at equal quality.

    pip install -r requirements.txt
    python compare.py TRAIN TEST --crossfade ../../../../target/release/crossfade --dims 128,256,512

TRAIN and TEST hold pairs of `user_id` and `track_id`, numbered from 0. Every program trains in a process of its own, on
`--threads` threads, and is measured after every epoch by mean NDCG@100 over the users of TEST; measuring is not timed, and
neither is reading. Of the peers setting up is not timed either, of Crossfade it is.

Printed for each: seconds an epoch, the best quality, the time until it, and peak memory; then how long Crossfade took until
it was as good as the best peer was at its best.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train")
    parser.add_argument("test")
    parser.add_argument("--crossfade", default="crossfade", help="the program")
    parser.add_argument("--dims", default="128,256,512")
    parser.add_argument("--peers", default="irspack-cg,implicit-cg")
    parser.add_argument("--epochs", type=int, default=12, help="of the peers")
    parser.add_argument("--measure-from", type=int, default=8, help="the peers' first epoch to measure; it takes a while")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def run(command, environment=None):
    """What a program printed, and its peak memory in GiB."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})})
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command[0]} failed")
    return printed, usage.ru_maxrss / 2**20


def peer(name, dim, args):
    command = [sys.executable, HERE / "peer.py", name, args.train, args.test]
    flags = {"dim": dim, "epochs": args.epochs, "measure-from": args.measure_from, "threads": args.threads}
    command += [f"--{flag}={value}" for flag, value in flags.items()]
    printed, memory = run([str(part) for part in command])
    epochs = [json.loads(line) for line in printed.splitlines()]
    return [(e["epoch"], e["seconds"], e["ndcg"]) for e in epochs], memory


def crossfade(dim, args):
    command = [args.crossfade, "evaluate", "--train", args.train, "--test", args.test, "--each-epoch", "--json", "--quiet"]
    command += ["--arms", "collaborative", "--dim", str(dim), "--threads", str(args.threads)]
    printed, memory = run(command)
    curve = json.loads(printed)["curve"]
    quality = lambda metrics: next(m["mean"] for m in metrics if m["metric"] == "NDCG@100")
    return [(e["epoch"], e["seconds"], quality(e["metrics"])) for e in curve], memory


def row(name, dim, epochs, memory):
    last, seconds, _ = epochs[-1]
    best = max(epochs, key=lambda epoch: epoch[2])
    print(f"{dim:5} {name:12} {seconds / last:9.2f} {best[2]:9.4f} {best[1]:10.2f} {memory:8.2f}", flush=True)
    return best


def main():
    args = arguments()
    print(f"{'dim':>5} {'':12} {'s/epoch':>9} {'NDCG@100':>9} {'s to best':>10} {'GiB':>8}")
    for dim in map(int, args.dims.split(",")):
        best = max(
            (row(name, dim, *peer(name, dim, args)) for name in args.peers.split(",")),
            key=lambda best: best[2],
        )
        epochs, memory = crossfade(dim, args)
        row("crossfade", dim, epochs, memory)
        as_good = [seconds for _, seconds, quality in epochs if quality >= best[2]]
        if as_good:
            print(f"      as good as the best peer ({best[2]:.4f}) after {as_good[0]:.2f} s: {best[1] / as_good[0]:.1f}x faster")
        else:
            print(f"      never as good as the best peer ({best[2]:.4f})")


main()
