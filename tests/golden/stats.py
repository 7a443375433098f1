"""Prints tests/golden/stats.json: figures of scipy, scikit-learn, statsmodels and numpy that src/stats/ is held to.

    python3 -m venv venv && venv/bin/pip install -r tests/golden/requirements.txt
    venv/bin/python tests/golden/stats.py > tests/golden/stats.json

`./test` runs it where these can be installed, and compares (compare.py).
"""

import json
import math
import random
import warnings
from itertools import product

import numpy as np
import scipy
import sklearn
import statsmodels
from scipy.stats import binomtest, bootstrap, norm, permutation_test
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.inter_rater import fleiss_kappa
from statsmodels.stats.proportion import proportion_confint

warnings.filterwarnings("ignore")
draw = random.Random(20261124)


def wilson():
    cases = [(0, 1), (1, 1), (1, 2), (0, 10), (10, 10), (9, 10), (45, 50), (270, 300), (1, 100000), (99999, 100000)]
    for (passed, total), confidence in product(cases, [0.5, 0.8, 0.9, 0.95, 0.99, 0.999999]):
        low, high = proportion_confint(passed, total, alpha=1 - confidence, method="wilson")
        yield {"passed": passed, "total": total, "confidence": confidence, "low": low, "high": high}


def paired():
    cases = [(0, 0), (0, 1), (0, 5), (0, 6), (1, 9), (5, 5), (4, 6), (10, 21), (12, 30), (40, 61), (100, 160), (900, 1100)]
    cases += [(50000, 51000), (0, 900), (3, 1000)]
    for a, b in cases + [(b, a) for a, b in cases]:
        p = mcnemar([[7, a], [b, 3]], exact=True).pvalue
        yield {"only_first": a, "only_second": b, "p": float(p)}


def labels():
    names = ["billing", "bug", "其他", "réclamation", "Praise"]
    for size, right, extra in [(1, 1.0, []), (12, 0.5, []), (60, 0.8, ["n/a"]), (300, 0.7, ["", "billing "]), (40, 0.0, [])]:
        expected = [draw.choice(names) for _ in range(size)]
        actual = [e if draw.random() < right else draw.choice(names + extra) for e in expected]
        both = sorted(set(expected) | set(actual))
        p, r, f, s = precision_recall_fscore_support(expected, actual, labels=both, zero_division=0)
        yield {
            "expected": expected,
            "actual": actual,
            "accuracy": float(accuracy_score(expected, actual)),
            "macro_f1": float(f1_score(expected, actual, average="macro", zero_division=0)),
            "labels": both,
            "precision": p.tolist(),
            "recall": r.tolist(),
            "f1": f.tolist(),
            "support": s.tolist(),
            "counts": confusion_matrix(expected, actual, labels=both).tolist(),
        }


def split_mix(state):
    """The generator that src/stats/bootstrap.rs draws with."""
    mask = (1 << 64) - 1
    while True:
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        yield z ^ (z >> 31)


def differences():
    shapes = {
        "normal": [draw.gauss(0.1, 1) for _ in range(40)],
        "flips": [float(draw.choice([-1, 0, 0, 0, 1, 1])) for _ in range(120)],
        "costs": [round(draw.expovariate(50) - 0.01, 6) for _ in range(75)],
        "same": [0.0] * 20,
    }
    for name, values in shapes.items():
        for seed, confidence in [(7, 0.95), (2**63 + 11, 0.9)]:
            count, resamples, draws = len(values), 1500, split_mix(seed)
            means = [sum(values[(next(draws) * count) >> 64] for _ in range(count)) / count for _ in range(resamples)]
            outside = (1 - confidence) / 2
            low, high = np.percentile(means, [100 * outside, 100 * (1 - outside)])
            # What scipy draws is its own: near, not equal.
            near = None
            if any(values):
                near = bootstrap(
                    (values,), np.mean, n_resamples=50000, confidence_level=confidence, method="percentile", rng=1
                ).confidence_interval
            yield {
                "name": name,
                "values": values,
                "seed": str(seed),
                "confidence": confidence,
                "resamples": resamples,
                "mean": math.fsum(values) / count,
                "low": float(low),
                "high": float(high),
                "scipy": near and [float(near.low), float(near.high)],
            }


def repeats():
    for total, passed, k in product([1, 2, 5, 10, 200], [0, 1, 3, 5, 9, 150], [1, 2, 5, 10, 100]):
        if passed <= total and k <= total:
            # With whole numbers, exactly, as the paper of HumanEval (2021) and that of tau-bench (2024) define them.
            at = 1 - math.comb(total - passed, k) / math.comb(total, k)
            hat = math.comb(passed, k) / math.comb(total, k)
            yield {"total": total, "passed": passed, "k": k, "pass_at_k": at, "pass_hat_k": hat}


def kappas():
    # The example of Fleiss (1971) as Wikipedia tables it, whose kappa is 0.210.
    known = [[0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1]]
    known += [[7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]]
    tables = [known, [[3, 0], [0, 3]], [[2, 1], [1, 2], [2, 1]]]
    for width in (2, 4):
        rows = [[draw.randrange(width) for _ in range(5)] for _ in range(12)]
        tables.append([[row.count(label) for label in range(width)] for row in rows])
    for table in tables:
        yield {"rows": table, "kappa": float(fleiss_kappa(np.array(table)))}


def moments():
    for values in [[1.0, 2.0], [0.1, 0.2, 0.4, 0.8], [1e9 + 1, 1e9 + 2, 1e9 + 4], [draw.gauss(5, 2) for _ in range(99)]]:
        error = np.std(values, ddof=1) / math.sqrt(len(values))
        low, high = norm.interval(0.9, loc=np.mean(values), scale=error)
        yield {
            "values": values,
            "mean": float(np.mean(values)),
            "variance": float(np.var(values, ddof=1)),
            "normal": [float(low), float(high)],
        }


def bins():
    for values, count in [
        ([1.0, 2.0, 3.0, 4.0], 3),
        ([draw.expovariate(0.001) for _ in range(200)], 12),
        ([float(draw.randrange(1, 11)) for _ in range(80)], 10),
    ]:
        linear, edges = np.histogram(values, bins=count)
        log_edges = np.geomspace(min(values), max(values), count + 1)
        log, _ = np.histogram(values, bins=log_edges)
        yield {
            "values": values,
            "count": count,
            "linear": {"edges": edges.tolist(), "counts": linear.tolist()},
            "log": {"edges": log_edges.tolist(), "counts": log.tolist()},
        }


def one_sided():
    for worse, better in [(0, 0), (1, 0), (0, 3), (5, 5), (9, 3), (3, 9), (40, 22), (700, 650), (5000, 5100)]:
        p = binomtest(worse, worse + better, alternative="greater").pvalue if worse + better else 1.0
        yield {"worse": worse, "better": better, "p": float(p)}


def sign_flips():
    # Few enough that scipy, too, tries every way.
    for records, before, now in [(8, 5, 5), (12, 3, 3), (14, 1, 5), (13, 10, 2)]:
        passed = lambda times: sum(draw.random() < 0.7 for _ in range(times))
        pairs = [(passed(now), passed(before)) for _ in range(records)]
        values = [p / now - q / before for p, q in pairs]
        # Whole numbers, where the same sum is the same sum whatever the order.
        whole = [float(p * before - q * now) for p, q in pairs]
        test = lambda side: permutation_test(
            (whole,), lambda x, axis: np.sum(x, axis=axis), permutation_type="samples", vectorized=True,
            n_resamples=np.inf, alternative=side,
        ).pvalue
        # scipy doubles the smaller tail, which is the same since the distribution is symmetric.
        yield {"differences": values, "two_sided": float(test("two-sided")), "lower": float(test("less"))}


versions = {m.__name__: m.__version__ for m in (np, scipy, sklearn, statsmodels)}
quantiles = [{"confidence": c, "z": float(norm.ppf(0.5 + c / 2))} for c in (1e-9, 0.1, 0.5, 0.9, 0.95, 0.99, 0.9999999)]
parts = [wilson, paired, labels, differences, repeats, kappas, moments, bins, one_sided, sign_flips]
print("{")
print(f' "versions": {json.dumps(versions)},')
print(f' "quantiles": {json.dumps(quantiles)},')
for part in parts:
    lines = ",\n  ".join(json.dumps(case, ensure_ascii=False) for case in part())
    print(f' "{part.__name__}": [\n  {lines}\n ]' + ("" if part is parts[-1] else ","))
print("}")
