"""Trains one peer, epoch by epoch, and measures every epoch.

    python peer.py irspack-cg TRAIN TEST --dim 128 --epochs 12

Prints a line of JSON for each epoch: seconds spent in training so far, and mean NDCG@k over the users of TEST, with the
pairs of TRAIN left out of their lists. Reading, set-up and measuring are not counted. `compare.py` runs all peers.
"""

import argparse
import json
import os
import time


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=["irspack-cg", "irspack-cholesky", "irspack-ialspp", "implicit-cg"])
    parser.add_argument("train", help="Parquet with user_id and track_id, numbered from 0")
    parser.add_argument("test", help="the same, for the hidden pairs")
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--alpha0", type=float, default=0.01)
    parser.add_argument("--regularization", type=float, default=0.002)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cutoff", type=int, default=100)
    parser.add_argument("--measure-from", type=int, default=1, help="the first epoch to measure; it takes a while")
    return parser.parse_args()


args = arguments()
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(args.threads)

import numpy as np
import pyarrow.parquet as pq
import scipy.sparse as sp


def pairs(path):
    table = pq.read_table(path, columns=["user_id", "track_id"])
    return [table[column].to_numpy().astype(np.int64) for column in ("user_id", "track_id")]


def read():
    """The matrices of known and of hidden pairs, of one shape."""
    train, test = pairs(args.train), pairs(args.test)
    shape = tuple(int(max(a.max(), b.max())) + 1 for a, b in zip(train, test))
    matrix = lambda p: sp.csr_matrix((np.ones(len(p[0]), np.float32), p), shape)
    return matrix(train), matrix(test)


def irspack(train):
    from irspack.recommenders.ials import IALSRecommender

    solver = {"irspack-cg": "CG", "irspack-cholesky": "CHOLESKY", "irspack-ialspp": "IALSPP"}[args.peer]
    model = IALSRecommender(
        train.astype(np.float64),
        n_components=args.dim,
        alpha0=args.alpha0,
        reg=args.regularization,
        solver_type=solver,
        max_cg_steps=3,
        n_threads=args.threads,
        prediction_time_max_cg_steps=3,
    )
    trainer = model._create_trainer()
    for _ in range(args.epochs):
        start = time.perf_counter()
        trainer.run_epoch()
        seconds = time.perf_counter() - start
        yield seconds, trainer.core_trainer.user, trainer.core_trainer.item


def implicit(train):
    """alpha0 = 1 in implicit's objective, so its confidences are 1 / alpha0."""
    from implicit.cpu.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    model = AlternatingLeastSquares(
        factors=args.dim,
        # Scaled so that both objectives are the same up to a factor, for a row of average length.
        regularization=args.regularization / args.alpha0 * train.nnz / train.shape[0],
        alpha=1 / args.alpha0,
        iterations=1,
        num_threads=args.threads,
        random_state=0,
    )
    for _ in range(args.epochs):
        # Its own threads, as it recommends.
        with threadpool_limits(1, "blas"):
            start = time.perf_counter()
            # A second `fit` goes on from the factors of the first.
            model.fit(train, show_progress=False)
            seconds = time.perf_counter() - start
        yield seconds, model.user_factors, model.item_factors


def ndcg(users, items, train, test):
    """Mean NDCG over users with hidden pairs; the ideal list has as many as fit."""
    k = args.cutoff
    discounts = 1 / np.log2(np.arange(k) + 2)
    chosen = np.flatnonzero(np.diff(test.indptr))
    total = 0.0
    for block in np.array_split(chosen, max(1, len(chosen) // 256)):
        scores = users[block] @ items.T
        known = train[block]
        scores[np.repeat(np.arange(len(block)), np.diff(known.indptr)), known.indices] = -np.inf
        best = np.argpartition(scores, scores.shape[1] - k, axis=1)[:, -k:]
        order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1, kind="stable")
        best = np.take_along_axis(best, order, 1)
        for user, ranked in zip(block, best):
            hidden = test.indices[test.indptr[user] : test.indptr[user + 1]]
            total += (np.isin(ranked, hidden) @ discounts) / discounts[: len(hidden)].sum()
    return total / len(chosen)


def main():
    train, test = read()
    epochs = implicit(train) if args.peer == "implicit-cg" else irspack(train)
    total = 0.0
    for epoch, (seconds, users, items) in enumerate(epochs, 1):
        total += seconds
        if epoch < args.measure_from:
            continue
        quality = ndcg(np.asarray(users, np.float32), np.asarray(items, np.float32), train, test)
        print(json.dumps({"epoch": epoch, "seconds": total, "ndcg": quality}), flush=True)


main()
