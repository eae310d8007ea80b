#!/usr/bin/env python3
"""Tables for `benches/peers.sh`, the same bytes' worth of values in every run.

    tables.py FOLDER TABLE...

A table that is there already is kept. Needs numpy and pyarrow. Parquet is written with
zstd at level 3 in row groups of 250,000 rows.

    rows_1m.parquet       1,000,000 rows of 20 columns: 12 of numbers, 6 of strings, a
                          boolean, a time
    rows_1m.csv           the same
    rows_10m.parquet      10,000,000 rows of such columns
    rows_100m             ten times rows_10m.parquet, as a folder of links
    by_type               the columns of rows_10m.parquet, a file for each
    columns_N.parquet     2,000 rows of N columns, half of numbers and half of strings
    wide_10m              10,000,000 rows of 1,000 columns like those: a folder of a
                          hundred links to wide_100k.parquet
    long_strings.parquet  10,000,000 different strings of 1,000 bytes
    slices.parquet        5,000,000 rows of 10,000 slices, 8 columns beside
"""

import os
import sys

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

SEED = 7
ROWS_OF_GROUP = 250_000


def words(count, shortest, longest, head, seed):
    """Different strings: random letters, then the number of the string."""
    draws = np.random.default_rng([SEED, seed])
    letters = draws.integers(97, 123, (count, longest), dtype=np.uint8)
    lengths = draws.integers(shortest, longest + 1, count)
    rows = zip(letters, lengths)
    return pa.array(f"{head}{bytes(row[:n]).decode()}{i:x}" for i, (row, n) in enumerate(rows))


def zipf(draws, rows, values, power):
    """Ranks from 0 with chances that fall as `rank ** -power`, by inversion."""
    top = (values + 1.0) ** (1 - power)
    ranks = (draws.random(rows) * (top - 1) + 1) ** (1 / (1 - power))
    return np.minimum(ranks.astype(np.int64) - 1, values - 1)


def picked(strings, places, absent=None):
    places = pa.array(places, pa.int32(), mask=absent)
    return pa.DictionaryArray.from_arrays(places, strings).cast(pa.string())


TEN = pa.array("paid pending shipped returned cancelled failed new held review closed".split())
TWELVE = pa.array("CN US DE JP FR GB IN BR KR AU CA MX".split())


class Twenty:
    """The columns of the tables of many rows."""

    def __init__(self):
        self.products = words(1_000, 3, 8, "sku-", 1)
        self.names = words(1_000, 6, 20, "", 2)
        self.users = words(100_000, 4, 8, "user-", 3)
        self.pages = words(100_000, 8, 24, "/p/", 4)

    def group(self, number):
        rows = ROWS_OF_GROUP
        draws = np.random.default_rng([SEED, 100, number])
        places = number * rows + np.arange(rows, dtype=np.int64)
        number_or_null = pa.array(draws.standard_normal(rows), mask=draws.random(rows) < 0.1)
        mostly_zero = np.where(draws.random(rows) < 0.8, 0.0, draws.gamma(1, 10, rows))
        at = 1_700_000_000_000_000 + places * 2_000_000 + draws.integers(0, 2_000_000, rows)
        return pa.table(
            {
                "f_normal": draws.normal(100, 15, rows),
                "f_lognormal": draws.lognormal(3, 1, rows),
                "f_uniform": draws.random(rows),
                "f_exponential": draws.exponential(2.5, rows),
                "f_tenth_null": number_or_null,
                "f_heavy_tail": draws.standard_t(2, rows),
                "f_price": np.round(draws.gamma(2, 40, rows), 2),
                "f_mostly_zero": pa.array(mostly_zero, mask=draws.random(rows) < 0.02),
                "i_sequence": places,
                "i_100": draws.integers(0, 100, rows),
                "i_zipf": zipf(draws, rows, 1_000_000, 1.2),
                "i_wide": draws.integers(-(10**12), 10**12, rows),
                "s_10": picked(TEN, zipf(draws, rows, 10, 1.1)),
                "s_12": picked(TWELVE, draws.integers(0, 12, rows), draws.random(rows) < 0.05),
                "s_1k": picked(self.products, draws.integers(0, 1_000, rows)),
                "s_1k_zipf": picked(self.names, zipf(draws, rows, 1_000, 1.3)),
                "s_100k": picked(self.users, draws.integers(0, 100_000, rows)),
                "s_100k_zipf": picked(self.pages, zipf(draws, rows, 100_000, 1.1)),
                "flag": draws.random(rows) < 0.3,
                "at": pa.array(at, pa.timestamp("us")),
            }
        )


def write(path, groups):
    """Writes tables as row groups, beside the path and renamed."""
    writer = None
    for table in groups:
        if writer is None:
            writer = pq.ParquetWriter(
                path + ".part", table.schema, compression="zstd", compression_level=3
            )
        writer.write_table(table, row_group_size=ROWS_OF_GROUP)
    writer.close()
    os.rename(path + ".part", path)


def rows_1m(path):
    twenty = Twenty()
    write(path, (twenty.group(n) for n in range(4)))


def rows_1m_csv(path):
    source = beside(path, "rows_1m.parquet")
    pa.csv.write_csv(pq.read_table(source), path + ".part")
    os.rename(path + ".part", path)


def rows_10m(path):
    twenty = Twenty()
    write(path, (twenty.group(n) for n in range(40)))


def rows_100m(path):
    beside(path, "rows_10m.parquet")
    os.mkdir(path)
    for n in range(10):
        os.symlink("../rows_10m.parquet", f"{path}/{n}.parquet")


def by_type(path):
    source = pq.ParquetFile(beside(path, "rows_10m.parquet"))
    os.makedirs(path + ".part", exist_ok=True)
    for column in source.schema_arrow.names:
        groups = range(source.num_row_groups)
        parts = (source.read_row_group(group, columns=[column]) for group in groups)
        write(f"{path}.part/{column}.parquet", parts)
    os.rename(path + ".part", path)


def columns(path, count, rows=2_000):
    draws = np.random.default_rng([SEED, 200, count])
    strings = words(500, 4, 12, "", 5)
    made = {}
    for place in range(count // 4):
        made[f"number_{place}"] = draws.normal(0, 1, rows)
        made[f"count_{place}"] = draws.integers(0, 300, rows)
        made[f"name_{place}"] = picked(strings, draws.integers(0, 500, rows))
        made[f"class_{place}"] = picked(TEN, zipf(draws, rows, 10, 1.1))
    write(path, [pa.table(made)])


def wide_10m(path):
    beside(path, "wide_100k.parquet")
    os.mkdir(path)
    for n in range(100):
        os.symlink("../wide_100k.parquet", f"{path}/{n}.parquet")


def long_strings(path):
    """A number and then letters that compress well: what costs is what is read."""
    tail = b"the same words over and over, " * 40

    def group(number):
        first = number * ROWS_OF_GROUP
        rows = range(first, first + ROWS_OF_GROUP)
        values = pa.array((b"%012d " % row + tail[: 1_000 - 13] for row in rows), pa.binary())
        return pa.table({"text": values.cast(pa.string())})

    write(path, (group(n) for n in range(40)))


def slices(path):
    products = words(1_000, 3, 8, "sku-", 1)

    def group(number):
        rows = ROWS_OF_GROUP
        draws = np.random.default_rng([SEED, 300, number])
        made = {"slice": draws.integers(0, 10_000, rows)}
        for place in range(4):
            made[f"number_{place}"] = draws.normal(0, 1, rows)
            made[f"name_{place}"] = picked(products, draws.integers(0, 1_000, rows))
        return pa.table(made)

    write(path, (group(n) for n in range(20)))


MADE_BY = {
    "rows_1m.parquet": rows_1m,
    "rows_1m.csv": rows_1m_csv,
    "rows_10m.parquet": rows_10m,
    "rows_100m": rows_100m,
    "by_type": by_type,
    "wide_100k.parquet": lambda path: columns(path, 1_000, 100_000),
    "wide_10m": wide_10m,
    "long_strings.parquet": long_strings,
    "slices.parquet": slices,
}


def make(folder, table):
    """Makes a table that is not there, and gives its path."""
    path = f"{folder}/{table}"
    if os.path.exists(path):
        return path
    print(f"making {table}", file=sys.stderr)
    if table.startswith("columns_"):
        columns(path, int(table.removeprefix("columns_").removesuffix(".parquet")))
    else:
        MADE_BY[table](path)
    return path


def beside(path, table):
    return make(os.path.dirname(path), table)


def main():
    folder, *tables = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    for table in tables:
        make(folder, table)


main()
