"""What the field's own libraries make of small generated data; ../reference.rs compares.

By hand, in this directory, with the versions of requirements.txt:

    python reference.py > reference.json
"""

import json
import warnings

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy.cluster.hierarchy import linkage
from sklearn.cluster import KMeans
from sklearn.covariance import empirical_covariance, shrunk_covariance
from sklearn.decomposition import PCA
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression
from sklearn.metrics import silhouette_samples, silhouette_score
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import RobustScaler, StandardScaler, normalize

ROWS, CLUSTERS = 150, 5


def generate():
    """Five blurred groups in five columns of very different scales, as multiples of 1/1024, which any f32 holds exactly."""
    random = np.random.default_rng(20)
    centres = random.normal(size=(CLUSTERS, 5)) * 2
    rows = centres[random.integers(CLUSTERS, size=ROWS)] + random.normal(size=(ROWS, 5))
    rows[:, 3] += 0.8 * rows[:, 0]
    rows = rows * [0.1, 5, 30, 1, 200] + [0.5, -8, 120, 0, 1000]
    return np.round(rows * 1024) / 1024


def kmeans(scaled):
    """Lloyd's algorithm from the same start, to the very end."""
    start = scaled[:CLUSTERS]
    fit = KMeans(CLUSTERS, init=start, n_init=1, tol=0, algorithm="lloyd", max_iter=300).fit(scaled)
    return {
        "labels": fit.labels_.tolist(),
        "centroids": fit.cluster_centers_.ravel().tolist(),
        "inertia": fit.inertia_,
    }


def regression(scaled):
    random = np.random.default_rng(21)
    target = np.log1p(np.floor(np.exp(scaled @ [0.5, -0.3, 0, 0.1, 0.2] + random.normal(size=ROWS) + 2)))
    plain = LinearRegression().fit(scaled, target)
    full = sm.OLS(target, sm.add_constant(scaled)).fit()
    assert np.allclose(plain.coef_, full.params[1:], rtol=1e-12)
    return {
        "target": target.tolist(),
        "intercept": plain.intercept_,
        "coefficients": plain.coef_.tolist(),
        "r2": plain.score(scaled, target),
        "adjusted_r2": full.rsquared_adj,
        "residual_std": np.sqrt(full.scale),
        "std_errors": full.bse[1:].tolist(),
        "intervals": full.conf_int()[1:].ravel().tolist(),
    }


def description(rows):
    """Of columns with gaps: every seventh number, counted through, is missing."""
    gaps = rows.copy()
    gaps.ravel()[::7] = np.nan
    frame = pd.DataFrame(gaps)
    known = gaps[:, 4][~np.isnan(gaps[:, 4])]
    counts, edges = np.histogram(known, bins=12)
    return {
        "correlations": frame.corr().to_numpy().ravel().tolist(),
        "quantiles": np.quantile(known, [0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1]).tolist(),
        "mean": known.mean(),
        "std": known.std(),
        "histogram": {"low": edges[0], "high": edges[-1], "counts": counts.tolist()},
    }


def labels(scaled):
    """Of the first rows a class and a number are known; what kernel ridge regression says of the others, the class in the
    metric of the scatter within classes."""
    known, gamma, directions, ridge, whitening, shrinkage = 110, 1.5, 0.4, 0.2, 0.75, 0.1
    random = np.random.default_rng(22)
    rows = np.clip(scaled, -3, 3)
    learned, others = rows[:known], rows[known:]
    classes = np.digitize(np.sin(learned @ [1, 0.5, 0, 0, -0.5]) + 0.3 * random.normal(size=known), [-0.4, 0.5])
    numbers = np.round((np.cos(learned[:, 1]) + learned[:, 2] + 0.3 * random.normal(size=known)) * 1024) / 1024

    means = np.array([learned[classes == c].mean(axis=0) for c in range(3)])
    within = shrunk_covariance(empirical_covariance(learned - means[classes], assume_centered=True), shrinkage)
    values, vectors = np.linalg.eigh(within)
    turn = vectors * values ** (-whitening / 2)
    turn /= np.sqrt((learned @ turn).var(axis=0).sum())

    def likeness(a, b):
        return (1 - directions) * rbf_kernel(a, b, gamma) + directions * rbf_kernel(normalize(a), normalize(b), gamma)

    model = KernelRidge(alpha=ridge, kernel="precomputed")
    targets = np.eye(3)[classes]
    model.fit(likeness(learned @ turn, learned @ turn), targets - targets.mean(axis=0))
    scores = model.predict(likeness(others @ turn, learned @ turn)) + targets.mean(axis=0)

    model = KernelRidge(alpha=ridge, kernel="rbf", gamma=gamma)
    size = np.sqrt(learned.var(axis=0).sum())
    numbers_of_others = model.fit(learned / size, numbers - numbers.mean()).predict(others / size) + numbers.mean()
    return {
        "gamma": gamma,
        "directions": directions,
        "ridge": ridge,
        "whitening": whitening,
        "shrinkage": shrinkage,
        "classes": classes.tolist(),
        "numbers": numbers.tolist(),
        "scores": scores.ravel().tolist(),
        "predicted": numbers_of_others.tolist(),
    }


def main():
    warnings.simplefilter("error")
    rows = generate()
    scaled = StandardScaler().fit_transform(rows)
    pca = PCA(n_components=2, svd_solver="full").fit(scaled)
    clusters = kmeans(scaled)
    result = {
        "rows": rows.ravel().tolist(),
        "standard": scaled.ravel().tolist(),
        "robust": RobustScaler().fit_transform(rows).ravel().tolist(),
        "pca": {
            "components": pca.components_.ravel().tolist(),
            "explained": pca.explained_variance_ratio_.tolist(),
            "projected": pca.transform(scaled).ravel().tolist(),
        },
        "kmeans": clusters,
        "silhouette": silhouette_score(scaled, clusters["labels"]),
        "silhouettes": silhouette_samples(scaled, clusters["labels"]).tolist(),
        "ward": linkage(scaled, "ward").tolist(),
        "average": linkage(scaled, "average").tolist(),
        "regression": regression(scaled),
        "description": description(rows),
        "labels": labels(scaled),
    }
    print(json.dumps(result, indent=None, separators=(",", ":")))


main()
