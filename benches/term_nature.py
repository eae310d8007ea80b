"""Fits the weights of crates/vocabulary/src/terms/nature.rs to labelled terms.

    for year in 2022 2023; do
        cargo run --release -p driftline-benches --bin labels -- signs --year $year > signs-$year.tsv
    done
    python3 benches/term_nature.py signs-2022.tsv=benches/labels/2022-first.tsv \
        signs-2023.tsv=benches/labels/2023-first.tsv

Needs numpy and scikit-learn. Prints, for each year, what a fit to the other years makes of it, and then the
table of weights of a fit to all years, in nats a unit of each sign, against a new word.
"""

import sys

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

KINDS = ("new word", "usual phrase", "name", "piece")
KIND_OF = {"coinage": 0, "sense": 0, "concept": 0, "surge": 1, "entity": 2, "fragment": 3}
# Inverse of the strength of the ridge, for signs of unit variance.
RIDGE = 0.3
# As in TermConfig.
NAME_FROM, PIECE_FROM = 0.7, 0.5


def read(signs, labels):
    kinds = {}
    for line in open(labels, encoding="utf-8"):
        if line.strip() and not line.startswith("#"):
            term, label = line.rstrip("\n").split("\t")[:2]
            kinds[term] = KIND_OF[label]
    rows = [line.rstrip("\n").split("\t") for line in open(signs, encoding="utf-8")]
    rows = [row for row in rows if len(row) > 2]
    names = rows[0][1:]
    known = [row for row in rows[1:] if row[0] in kinds]
    print(f"{signs}: {len(known)} of {len(rows) - 1} terms have a label")
    values = np.array([[float(value) for value in row[1:]] for row in known])
    return names, values, np.array([kinds[row[0]] for row in known])


def fit(values, kinds):
    scale = StandardScaler().fit(values)
    model = LogisticRegression(C=RIDGE, max_iter=10_000).fit(scale.transform(values), kinds)
    weights = model.coef_ / scale.scale_
    constant = model.intercept_ - weights @ scale.mean_
    return weights - weights[0], constant - constant[0]


def told(weights, constant, values):
    odds = np.exp(values @ weights.T + constant)
    shares = odds / odds.sum(axis=1, keepdims=True)
    is_name = shares[:, 2] >= NAME_FROM
    return shares, is_name, ~is_name & (shares[:, 3] < PIECE_FROM)


def check(path, weights, constant, values, kinds):
    shares, is_name, is_coinage = told(weights, constant, values)
    loss = -np.log(shares[np.arange(len(kinds)), kinds]).mean()
    print(f"{path} by the other years: log loss {loss:.3f}")
    for what, which in (("name", is_name), ("coinage", is_coinage), ("piece", ~is_name & ~is_coinage)):
        of = ", ".join(f"{(kinds[which] == at).sum()} {kind}" for at, kind in enumerate(KINDS))
        print(f"  told as a {what}: {which.sum()}, labelled {of}")


if __name__ == "__main__":
    paths = [argument.split("=") for argument in sys.argv[1:]]
    years = [read(*pair) for pair in paths]
    names = years[0][0]
    for at, (_, values, kinds) in enumerate(years):
        others = [year for other, year in enumerate(years) if other != at]
        if others:
            fitted = fit(np.vstack([v for _, v, _ in others]), np.concatenate([k for _, _, k in others]))
            check(paths[at][0], *fitted, values, kinds)
    weights, constant = fit(np.vstack([v for _, v, _ in years]), np.concatenate([k for _, _, k in years]))
    shown = lambda of: "[" + ", ".join(f"{value:.2f}" for value in of[1:]) + "]"
    print(f"const CONSTANT: Weights = {shown(constant)};")
    for at, name in enumerate(names):
        print(f'    ("{name}", {shown(weights[:, at])}),')
