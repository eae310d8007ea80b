#!/usr/bin/env python3
"""One task of another tool, for `benches/peers.sh`: peer.py TASK FILE THREADS.

It prints the version of the tool. What the task took, its caller sees.
"""

import sys


def duckdb_relation(file, threads):
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"SET threads = {int(threads)}")
    read = "read_csv" if file.endswith(".csv") else "read_parquet"
    return duckdb.__version__, connection, f"{read}('{file}')"


def duckdb_decode(file, threads):
    """The last value of every column: all are decoded, and nothing else is done."""
    version, connection, table = duckdb_relation(file, threads)
    columns = connection.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()
    last = ", ".join(f'last("{column[0]}")' for column in columns)
    connection.execute(f"SELECT {last} FROM {table}").fetchall()
    return version


def duckdb_summarize(file, threads):
    version, connection, table = duckdb_relation(file, threads)
    connection.execute(f"SUMMARIZE SELECT * FROM {table}").fetchall()
    return version


def whylogs(file, threads):
    import pandas
    import whylogs

    frame = pandas.read_csv(file) if file.endswith(".csv") else pandas.read_parquet(file)
    whylogs.log(pandas=frame).view().to_pandas()
    from importlib.metadata import version

    return version("whylogs")


def tfdv_import(file, threads):
    import tensorflow_data_validation

    return tensorflow_data_validation.__version__


def tfdv(file, threads):
    import tensorflow_data_validation

    if file.endswith(".csv"):
        tensorflow_data_validation.generate_statistics_from_csv(file)
    else:
        import pandas

        frame = pandas.read_parquet(file)
        # Neither a time nor a truth value has statistics in a frame.
        frame = frame.select_dtypes(exclude=["datetime", "bool"])
        tensorflow_data_validation.generate_statistics_from_dataframe(frame, n_jobs=1)
    return tensorflow_data_validation.__version__


TASKS = {
    "duckdb-decode": duckdb_decode,
    "duckdb-summarize": duckdb_summarize,
    "whylogs": whylogs,
    "tfdv-import": tfdv_import,
    "tfdv": tfdv,
}

task, *arguments = sys.argv[1:]
print(TASKS[task](*arguments))
