"""What ranx, ir_measures and scipy make of small generated lists; ../reference.rs compares.

By hand, in this directory, with the versions of requirements.txt:

    python reference.py > reference.json

Scores of the generated runs repeat. They are ordered as everywhere in this project, the lower track first among equals, and the
libraries get the order that results: each has its own rule for ties.
"""

import json

import ir_measures
import numpy as np
from ranx import Qrels, Run, evaluate
from scipy.spatial.distance import pdist

TRACKS, CASES, CUTOFFS = 60, 120, (1, 5, 10, 100)
RANX = {"NDCG": "ndcg", "Recall": "recall", "MAP": "map", "MRR": "mrr", "HitRate": "hit_rate"}
IR = {"NDCG": "nDCG", "Recall": "R", "MAP": "AP", "MRR": "RR", "HitRate": "Success"}


def generate():
    """Lists of 1 to 40 tracks, many of them shorter than a cutoff, and 1 to 30 relevant ones, which need not be in the list."""
    random = np.random.default_rng(7)
    for _ in range(CASES):
        tracks = random.choice(TRACKS, random.integers(1, 41), replace=False)
        scores = random.integers(0, 8, len(tracks))
        relevant = random.choice(TRACKS, random.integers(1, 31), replace=False)
        order = sorted(zip(-scores, tracks))
        yield [int(track) for _, track in order], sorted(int(track) for track in relevant)


def metrics(cases):
    run = {f"q{n:03}": {f"d{track}": float(len(tracks) - rank) for rank, track in enumerate(tracks)} for n, (tracks, _) in enumerate(cases)}
    qrels = {f"q{n:03}": {f"d{track}": 1 for track in relevant} for n, (_, relevant) in enumerate(cases)}
    names = [f"{name}@{k}" for name in RANX for k in CUTOFFS]
    ranx = evaluate(Qrels(qrels), Run(run), [f"{RANX[name]}@{k}" for name in RANX for k in CUTOFFS], return_mean=False)
    measures = {ir_measures.parse_measure(f"{IR[name]}@{k}"): f"{name}@{k}" for name in IR for k in CUTOFFS}
    found = {name: [0.0] * len(cases) for name in names}
    for value in ir_measures.iter_calc(list(measures), qrels, run):
        found[measures[value.measure]][int(value.query_id[1:])] = float(value.value)
    for name, row in zip(names, ranx.values()):
        yield {"metric": name, "ranx": [float(value) for value in row], "ir_measures": found[name]}


def variety(cases):
    random = np.random.default_rng(8)
    embeddings = random.normal(size=(TRACKS, 6)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    embeddings[::7] = 0
    listeners, users = random.integers(0, 50, TRACKS), 50
    known = np.abs(embeddings).sum(1) > 0
    lists = [np.array(tracks) for tracks, _ in cases]
    for k in CUTOFFS:
        cut = [tracks[:k] for tracks in lists]
        shown = np.bincount(np.concatenate(cut), minlength=TRACKS)
        alike = [pdist(embeddings[tracks[known[tracks]]].astype(float), "cosine") for tracks in cut]
        yield {
            "k": k,
            "coverage": float((shown > 0).mean()),
            # Half the relative mean absolute difference, the definition of the coefficient.
            "gini": float(np.abs(shown[:, None] - shown).mean() / shown.mean() / 2),
            "novelty": float(np.mean([-np.log2(np.maximum(listeners[tracks], 1) / users).mean() for tracks in cut])),
            "diversity": float(np.mean([pairs.mean() for pairs in alike if len(pairs)])) if k > 1 else None,
        }
    embedded.update(dim=6, values=[float(value) for value in embeddings.ravel()], listeners=listeners.tolist(), users=users)


embedded = {}
cases = list(generate())
lists, relevant = zip(*cases)
result = {"lists": lists, "relevant": relevant, "metrics": list(metrics(cases)), "variety": list(variety(cases)), "catalogue": embedded}
print(json.dumps(result))
