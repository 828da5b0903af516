"""Has implicit and Crossfade score every user of a bundle, in one run, and compares time and lists.

    pip install -r requirements.txt
    python batch.py BUNDLES --crossfade ../../../../target/release/crossfade

BUNDLES is a store; its active bundle's factors are scored, own tracks left out. implicit's `recommend` gets them in memory and
gives arrays in memory, in batches of `--batch` users (more at once would need 194,000 scores for each of them in memory), which
is all that is timed of it. Crossfade goes from files to files: opening and verifying the bundle and writing Parquet are in its time.
The better of `--repeat` runs counts for both.
"""

import argparse
import json
import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles")
    parser.add_argument("--crossfade", default="crossfade", help="the program")
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--users", type=int, help="of implicit; its time is scaled up to all users")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=1)
    return parser.parse_args()


args = arguments()
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # As implicit asks for: it has threads of its own.

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix


def table(path):
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_file(file).read_all().combine_chunks()


def matrix(column):
    return np.array(column.chunk(0).flatten(), np.float32).reshape(len(column), -1)


def implicit(bundle):
    """Lists of the first users, and seconds for all."""
    users = table(bundle / "users.arrow")
    model = AlternatingLeastSquares(num_threads=args.threads)
    model.user_factors, model.item_factors = matrix(users["factors"]), matrix(table(bundle / "vectors.arrow")["factors"])
    lists = table(bundle / "history.arrow")["tracks"].chunk(0)
    tracks, offsets = lists.flatten().to_numpy(), lists.offsets.to_numpy()
    known = csr_matrix((np.ones(len(tracks), np.float32), tracks, offsets - offsets[0]), (len(users), len(model.item_factors)))
    count = args.users or len(users)
    best = float("inf")
    for _ in range(args.repeat):
        start = time.perf_counter()
        parts = []
        for at in range(0, count, args.batch):
            batch = np.arange(at, min(count, at + args.batch))
            parts.append(model.recommend(batch, known[batch], N=args.limit))
        best = min(best, time.perf_counter() - start)
    return np.vstack([part[1] for part in parts]), best * len(users) / count, len(users)


def crossfade():
    best = float("inf")
    for _ in range(args.repeat):
        with tempfile.TemporaryDirectory() as folder:
            command = [args.crossfade, "score", "--bundles", args.bundles, "--out", folder + "/scores", "--limit", str(args.limit)]
            command += ["--ranking", "collaborative", "--threads", str(args.threads), "--quiet", "--json"]
            start = time.perf_counter()
            report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            best = min(best, time.perf_counter() - start)
            scores = pq.read_table(folder + "/scores", columns=["score", "user_id"])
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    return scores, best, report["users"], memory


def agreement(theirs, scores):
    """Ours are calibrated, one factor for each user: of lists that are the same, the ratios of scores are too."""
    ours = scores["score"].to_numpy()
    if len(ours) % args.limit or len(ours) // args.limit < len(theirs):
        return "lists of other lengths"
    ours = ours.reshape(-1, args.limit)[: len(theirs)]
    close = np.isclose(ours / ours[:, :1], theirs / theirs[:, :1], rtol=0, atol=1e-4).all(1)
    return f"{close.mean():.2%} of {len(theirs)} lists have the same scores"


def main():
    bundle = Path(args.bundles) / (Path(args.bundles) / "CURRENT").read_text().strip()
    theirs, slow, users = implicit(bundle)
    print(f"implicit recommend {slow:6.1f} s, {users / slow:6.0f} users/s", flush=True)
    scores, fast, users, memory = crossfade()
    print(f"crossfade score    {fast:6.1f} s, {users / fast:6.0f} users/s, {memory:.2f} GiB")
    print(f"{slow / fast:.1f}x; {agreement(theirs, scores)}")


main()
