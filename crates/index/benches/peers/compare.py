"""Has Crossfade and its peers search the same vectors for the same users, and compares speed at equal recall.

    pip install -r requirements.txt
    python compare.py BUNDLES --crossfade ../../../../target/release/crossfade --weights 0,0.5

BUNDLES is a store; its active bundle is searched. One query at a time on one thread: by faiss exactly, by the graphs of usearch
and hnswlib (inner product, M 16) with the first `--expansions` that reaches `--recall`, by `crossfade bundle measure` as requests
are answered. Peers search the concatenation of factors and embeddings with queries weighed as Crossfade weighs them, popularity
left out; at weight 0 the factors alone. Then all users are scored at weight 0 on `--threads` threads: by faiss from vectors in
memory to arrays, by `crossfade score` from files to a file.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles")
    parser.add_argument("--crossfade", default="crossfade", help="the program")
    parser.add_argument("--weights", default="0,0.5", help="content weights")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--recall", type=float, default=0.99)
    parser.add_argument("--expansions", default="400,800,1600,3200")
    parser.add_argument("--threads", type=int, default=2, help="for building graphs and for scoring all users")
    parser.add_argument("--keep", type=Path, help="where graphs are kept")
    parser.add_argument("--peers", default="faiss,usearch,hnswlib")
    parser.add_argument("--skip-batch", action="store_true")
    return parser.parse_args()


args = arguments()
os.environ["OMP_NUM_THREADS"] = str(args.threads)

import faiss
import hnswlib
import numpy as np
import pyarrow as pa
from usearch.index import Index


def columns(path, *names):
    """Columns of vectors, as matrices."""
    with pa.memory_map(str(path)) as file:
        table = pa.ipc.open_file(file).read_all()
    lists = [table[name].chunk(0) for name in names]
    return [np.array(column.flatten(), np.float32).reshape(len(column), -1) for column in lists]


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def joint(bundle, weight):
    """Rows, and the queries of the users that `bundle measure` asks for."""
    items, embeddings = columns(bundle / "vectors.arrow", "factors", "embedding")
    users, tastes = columns(bundle / "users.arrow", "factors", "taste")
    step = -(-len(users) // args.queries)
    users, tastes = users[::step], tastes[::step]
    if weight == 0:
        queries = users
        rows = items
    else:
        reach = json.loads((bundle / "manifest.json").read_text())
        reach = next(part for part in find(reach, "collaborative_reach"))
        scaled = lambda q, y, r: q / np.maximum(1e-30, r * np.sqrt(np.einsum("ij,jk,ik->i", q, y.T @ y / len(y), q)))[:, None]
        collaborative = (1 - weight) * scaled(users, items, reach["collaborative_reach"])
        content = weight * scaled(tastes, embeddings, reach["content_reach"])
        queries, rows = np.hstack([collaborative, content]), np.hstack([items, embeddings])
    queries = queries[np.abs(queries).max(1) > 0]
    return np.ascontiguousarray(rows, np.float32), np.ascontiguousarray(queries, np.float32)


def find(value, key):
    """Objects that have a key, wherever they are."""
    if isinstance(value, dict):
        if key in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from find(part, key)


def recall(rows, queries, truth, found):
    """Mean share of the exact answer; tracks with equal scores are as good as each other."""
    last = truth[:, -1] - 1e-5 * np.abs(truth[:, -1])
    scores = np.einsum("ijk,ik->ij", rows[found], queries)
    return float((scores >= last[:, None]).mean())


def graph(name, rows, weight):
    """A peer's graph, built or taken from where it is kept; how to search it; and seconds and bytes that took."""
    path = args.keep and args.keep / f"{name}-{weight}-{len(rows)}"
    known = path and path.exists()
    before, start = resident(), time.perf_counter()
    dim = rows.shape[1]
    if name == "usearch":
        index = Index(ndim=dim, metric="ip", dtype="f32", connectivity=16, expansion_add=64)
        index.load(str(path)) if known else index.add(np.arange(len(rows)), rows, threads=args.threads)
        search = lambda query: index.search(query, args.limit, threads=1).keys
        widen = lambda expansion: setattr(index, "expansion_search", expansion)
    else:
        index = hnswlib.Index(space="ip", dim=dim)
        if known:
            index.load_index(str(path))
        else:
            index.init_index(max_elements=len(rows), M=16, ef_construction=64)
            index.add_items(rows, num_threads=args.threads)
        search = lambda query: index.knn_query(query, args.limit, num_threads=1)[0][0]
        widen = index.set_ef
    seconds, memory = time.perf_counter() - start, resident() - before
    seconds_file = path and Path(f"{path}.seconds")
    if known:
        seconds = float(seconds_file.read_text())
    elif path:
        path.parent.mkdir(parents=True, exist_ok=True)
        index.save(str(path)) if name == "usearch" else index.save_index(str(path))
        seconds_file.write_text(str(seconds))
    return search, widen, seconds, memory


def timed(search, queries):
    start = time.perf_counter()
    found = [search(query) for query in queries]
    return np.stack(found).astype(np.int64), len(queries) / (time.perf_counter() - start)


def row(weight, name, found, speed, memory, seconds):
    print(f"{weight:6} {name:22} {found:8.4f} {speed:10.0f} {memory / 2**20:8.0f} {seconds:8.1f}", flush=True)


def one_by_one(bundle, weight):
    rows, queries = joint(bundle, weight)
    faiss.omp_set_num_threads(1)
    before, start = resident(), time.perf_counter()
    flat = faiss.IndexFlatIP(rows.shape[1])
    flat.add(rows)
    seconds, memory = time.perf_counter() - start, resident() - before
    truth = flat.search(queries, args.limit)[0]
    if "faiss" in args.peers:
        some = queries[:200]
        found, speed = timed(lambda query: flat.search(query[None], args.limit)[1][0], some)
        row(weight, "faiss flat", recall(rows, some, truth[:200], found), speed, memory, seconds)
    del flat
    for name in ("usearch", "hnswlib"):
        if name not in args.peers:
            continue
        search, widen, seconds, memory = graph(name, rows, weight)
        for expansion in map(int, args.expansions.split(",")):
            widen(expansion)
            found, speed = timed(search, queries)
            share = recall(rows, queries, truth, found)
            row(weight, f"{name}, ef {expansion}", share, speed, memory, seconds)
            if share >= args.recall:
                break
    command = [args.crossfade, "bundle", "measure", "--bundles", args.bundles, "--json", "--quiet", "--threads", "1"]
    command += ["--queries", str(args.queries), "--limit", str(args.limit), "--content-weight", str(weight)]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    for path in report["weights"][0]["paths"]:
        if path["path"] != "plain":
            memory = report["resident_bytes"] or 0
            row(weight, f"crossfade, {path['path']}", path["recall"], path["queries_per_second"], memory, report["exact_build_seconds"])


def everybody(bundle):
    """Scores all users both ways, and compares the lists."""
    (items,), (users,) = columns(bundle / "vectors.arrow", "factors"), columns(bundle / "users.arrow", "factors")
    faiss.omp_set_num_threads(args.threads)
    flat = faiss.IndexFlatIP(items.shape[1])
    flat.add(items)
    start = time.perf_counter()
    parts = [flat.search(users[at : at + 4096], args.limit) for at in range(0, len(users), 4096)]
    theirs = time.perf_counter() - start
    scores = np.concatenate([part[0] for part in parts])
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "scores"
        command = [args.crossfade, "score", "--bundles", args.bundles, "--out", str(out), "--limit", str(args.limit)]
        command += ["--ranking", "blend", "--content-weight", "0", "--include-played", "--threads", str(args.threads), "--quiet"]
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        ours = time.perf_counter() - start
        same = agreement(out, bundle, scores)
    print(f"all {len(users)} users: faiss flat {theirs:.1f} s, crossfade score {ours:.1f} s, {theirs / ours:.1f}x; {same}")


def agreement(out, bundle, scores):
    """Ours are calibrated, one factor for each user: of lists that are the same, the ratios of scores are too."""
    import pyarrow.parquet as pq

    table = pq.read_table(out, columns=["user_id", "score"])
    ours = table["score"].to_numpy()
    with pa.memory_map(str(bundle / "users.arrow")) as file:
        ids = pa.ipc.open_file(file).read_all()["user_id"]
    if len(ours) != scores.size or table["user_id"].to_pylist()[:: args.limit] != ids.to_pylist():
        return "lists of other lengths"
    ours = ours.reshape(scores.shape)
    close = np.isclose(ours / ours[:, :1], scores / scores[:, :1], rtol=0, atol=1e-4).all(1)
    return f"{close.mean():.2%} of the lists have the same scores"


def main():
    bundle = Path(args.bundles) / (Path(args.bundles) / "CURRENT").read_text().strip()
    print(f"{'weight':>6} {'':22} {'recall':>8} {'queries/s':>10} {'MiB':>8} {'build s':>8}")
    for weight in args.weights.split(","):
        one_by_one(bundle, float(weight))
    if not args.skip_batch:
        everybody(bundle)


main()
