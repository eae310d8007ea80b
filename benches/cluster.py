#!/usr/bin/env python3
"""`driftline profile` here and on clusters of 1, 2 and 4 executors of this machine: what
docs/src/explanation/scale.md quotes.

    benches/cluster.py DRIFTLINE TABLES [TABLE]...

DRIFTLINE is a program with the feature `cluster`, TABLES the folder of `peers/tables.py`. A
TABLE is a file in it, `:COLUMN` behind it slices by that column. Executors have one thread
each. Printed as Markdown:
wall time, processor time of all processes, bytes that passed between the tasks, for each
column, and the most memory that one executor took. The results are compared byte by byte.
"""

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

STREAMS = 16


def free_port():
    while True:
        with socket.socket() as one, socket.socket() as next_one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            try:
                next_one.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def wait_for(port):
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"nothing listens on port {port}")


class Cluster:
    def __init__(self, driftline, executors, folder):
        self.folder, self.processes = Path(folder), []
        port = free_port()
        self.url = f"df://127.0.0.1:{port}"
        self.start(driftline, "scheduler", "--listen", f"127.0.0.1:{port}")
        wait_for(port)
        for place in range(executors):
            work, port = self.folder / f"work-{place}", free_port()
            work.mkdir()
            self.start(
                driftline, "executor", "--scheduler", self.url, "--listen", f"127.0.0.1:{port}",
                "--work-folder", str(work), "--threads", "1", "--memory", "2048",
            )
            wait_for(port)
        self.executors = self.processes[1:]
        self.sizes, self.ended = {}, threading.Event()
        self.watcher = threading.Thread(target=self.watch)
        self.watcher.start()

    def start(self, driftline, *arguments):
        self.processes.append(subprocess.Popen([driftline, "cluster", *arguments]))

    def watch(self):
        """Notes how large files of tasks become: those between two steps go with their query."""
        while not self.ended.wait(0.02):
            for file in self.folder.rglob("*.arrow"):
                with contextlib.suppress(FileNotFoundError):
                    size = file.stat().st_size
                    self.sizes[file] = max(size, self.sizes.get(file, 0))

    def passed_bytes(self):
        """Of all files that tasks wrote; results for the client among them."""
        return sum(self.sizes.values())

    def cpu_seconds(self):
        ticks = os.sysconf("SC_CLK_TCK")
        fields = (Path(f"/proc/{one.pid}/stat").read_text().rsplit(")")[-1].split()
                  for one in self.processes)
        return sum((int(f[11]) + int(f[12])) / ticks for f in fields)

    def peak_mib(self):
        def of(process):
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
        return max(of(one) for one in self.executors)

    def end(self):
        self.ended.set()
        self.watcher.join()
        for one in reversed(self.processes):
            one.send_signal(signal.SIGTERM)
            one.wait()


def profile(driftline, table, by, output, *more):
    command = [driftline, "profile", table, "--threads", str(STREAMS), "--memory", "4096",
               "-o", output, "--quiet", *more]
    if by:
        command += ["--by", by]
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, check=True)
    wall, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    return wall, cpu, Path(output).read_bytes()


def main():
    driftline, tables, *wanted = sys.argv[1:]
    print("| table | slices by | where | wall s | CPU s | between tasks, KiB a column | "
          "most memory of an executor, MiB | the same bytes |")
    print("|---|---|---|---|---|---|---|---|")
    for one in wanted or ["rows_1m.parquet", "rows_10m.parquet"]:
        table, _, by = one.partition(":")
        path = os.path.join(tables, table)
        with tempfile.TemporaryDirectory() as folder:
            output = os.path.join(folder, "profile.parquet")
            wall, cpu, here = profile(driftline, path, by, output)
            columns = columns_of(driftline, path)
            print(f"| {table} | {by or '–'} | this process | {wall:.2f} | {cpu:.2f} | | | |",
                  flush=True)
            for executors in (1, 2, 4):
                with tempfile.TemporaryDirectory(dir=folder) as place:
                    cluster = Cluster(driftline, executors, place)
                    warm_up = cluster.cpu_seconds()
                    wall, cpu, there = profile(
                        driftline, path, by, output, "--cluster", cluster.url)
                    cpu += cluster.cpu_seconds() - warm_up
                    passed = cluster.passed_bytes() / 1024 / columns
                    print(f"| {table} | {by or '–'} | {executors} executors | {wall:.2f} | "
                          f"{cpu:.2f} | {passed:.0f} | {cluster.peak_mib():.0f} | "
                          f"{'yes' if here == there else 'no'} |", flush=True)
                    cluster.end()


def columns_of(driftline, path):
    command = [driftline, "profile", path, "--format", "json", "--quiet"]
    return len(json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["columns"])


if __name__ == "__main__":
    main()
