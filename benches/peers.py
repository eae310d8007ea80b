#!/usr/bin/env python3
"""What two other tools take for the comparison of two windows, for the bench `compare`.

usage: peers.py install TOOL FOLDER     makes the virtual environment of a tool, once
       peers.py TOOL BASELINE WINDOW RESULT

RESULT is a JSON file: the tool's version, and seconds of work by the clock and of the
processor, without the start of the interpreter and imports. Kinds of columns are read from
the files: numbers and times are numeric, strings and booleans are categories.
"""

import json
import os
import subprocess
import sys
import time

PACKAGES = {
    "duckdb": ["duckdb==2.0.1"],
    # It imports statsmodels and does not ask for it; pandas 3 it does not take.
    "nannyml": ["nannyml==0.13.1", "pandas==2.3.3", "numpy==2.4.6", "statsmodels==0.15.0", "pyarrow"],
}
TENTHS = [tenth / 10 for tenth in range(1, 10)]


def install(tool, folder):
    python = os.path.join(folder, "bin", "python")
    known = subprocess.call([python, "-c", f"import {tool}"]) == 0 if os.path.exists(python) else False
    if not known:
        subprocess.check_call([sys.executable, "-m", "venv", folder])
        subprocess.check_call([python, "-m", "pip", "install", "--quiet", *PACKAGES[tool]])


def stability_index(counts):
    """Σ (p - q) ln(p / q) of a subquery with the counts of both sides, as SQL."""
    share = lambda side: f"greatest({side} / sum({side}) OVER (), 1e-4)"
    return (
        f"SELECT sum((p - q) * ln(p / q)) FROM (SELECT {share('b')} AS p, {share('w')} AS q FROM ({counts}))"
    )


def of_numbers(column, baseline, window):
    """In the tenths of the baseline; nulls are a bin of their own."""
    passed = " + ".join(f"(x > edges[{place}])::INT" for place in range(1, 10))
    side = lambda file: (
        f"SELECT coalesce({passed}, -1) AS bin, count(*) AS n "
        f"FROM (SELECT {column} AS x FROM '{file}'), edges GROUP BY bin"
    )
    counts = (
        f"SELECT coalesce(l.n, 0) AS b, coalesce(r.n, 0) AS w FROM ({side(baseline)}) l "
        f"FULL JOIN ({side(window)}) r USING (bin)"
    )
    edges = f"SELECT approx_quantile({column}, {TENTHS}) AS edges FROM '{baseline}'"
    return f"WITH edges AS ({edges}) {stability_index(counts)}"


def of_categories(column, baseline, window):
    """A bin for each value, null among them."""
    side = lambda file: f"SELECT coalesce({column}::VARCHAR, chr(0)) AS x, count(*) AS n FROM '{file}' GROUP BY x"
    return stability_index(
        f"SELECT coalesce(l.n, 0) AS b, coalesce(r.n, 0) AS w FROM ({side(baseline)}) l "
        f"FULL JOIN ({side(window)}) r USING (x)"
    )


def duckdb(baseline, window):
    import duckdb as tool

    connection = tool.connect()
    clock = started()
    described = connection.execute(f"DESCRIBE SELECT * FROM '{baseline}'").fetchall()
    for name, kind, *_ in described:
        column = f'"{name}"'
        if kind in ("VARCHAR", "BOOLEAN"):
            query = of_categories(column, baseline, window)
        else:
            column = f"epoch_us({column})" if kind.startswith("TIMESTAMP") else column
            query = of_numbers(f"{column}::DOUBLE", baseline, window)
        (value,) = connection.execute(query).fetchone()
        assert value is not None and value >= 0, (name, value)
    return tool.__version__, clock


def nannyml(baseline, window):
    import nannyml as tool
    import pandas

    clock = started()
    sides = [pandas.read_parquet(file) for file in (baseline, window)]
    text = sides[0].select_dtypes(["object", "string", "bool"]).columns.tolist()
    numbers = sides[0].select_dtypes("number").columns.tolist()
    calculator = tool.UnivariateDriftCalculator(
        column_names=numbers + text,
        treat_as_categorical=text,
        continuous_methods=["kolmogorov_smirnov"],
        categorical_methods=["jensen_shannon"],
        chunk_number=1,
    )
    calculator.fit(sides[0])
    # One chunk of each side, whatever the tool thinks of so few.
    assert len(calculator.calculate(sides[1]).to_df()) == 2
    return tool.__version__, clock


def started():
    return time.perf_counter(), time.process_time()


def main():
    if sys.argv[1] == "install":
        return install(*sys.argv[2:4])
    tool, baseline, window, result = sys.argv[1:5]
    # No call home while a measurement is made.
    os.environ.update(NML_DISABLE_USAGE_LOGGING="1", DO_NOT_TRACK="1", PYTHONWARNINGS="ignore")
    version, (wall, cpu) = {"duckdb": duckdb, "nannyml": nannyml}[tool](baseline, window)
    figures = {
        "version": version,
        "work_s": time.perf_counter() - wall,
        "work_cpu_s": time.process_time() - cpu,
    }
    with open(result, "w") as file:
        json.dump(figures, file)


if __name__ == "__main__":
    main()
