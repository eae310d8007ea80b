//! A scheduler and executors as processes: one that dies in mid-query, and one that is not there.

use crate::desk::{Desk, Running, TRAINING, names, until};
use std::{
    fmt::Write,
    net::{TcpListener, TcpStream},
    path::Path,
};

/// A port that is free, as is the one after it.
fn free() -> u16 {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return port;
        }
    }
}

struct Cluster {
    address: String,
    scheduler: Running,
}

impl Cluster {
    fn start(desk: &Desk) -> Self {
        let port = free();
        let listen = format!("127.0.0.1:{port}");
        let scheduler = desk.start(&[
            "cluster",
            "scheduler",
            "--listen",
            &listen,
            "--executor-timeout",
            "5s",
        ]);
        until("the scheduler listens", || {
            TcpStream::connect(&listen).is_ok()
        });
        Self {
            address: format!("df://{listen}"),
            scheduler,
        }
    }

    /// An executor of one thread, whose folder is in one of this name.
    fn executor(&self, desk: &Desk, folder: &str) -> Running {
        std::fs::create_dir(desk.path(folder)).unwrap();
        let port = free();
        let executor = desk.start(&[
            "cluster",
            "executor",
            "--scheduler",
            &self.address,
            "--listen",
            &format!("127.0.0.1:{port}"),
            "--work-folder",
            folder,
            "--threads",
            "1",
        ]);
        until("the executor listens", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        executor
    }
}

/// Whether there is a file of some bytes in a folder or below it.
fn holds_data(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    entries.flatten().any(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => holds_data(&entry.path()),
        _ => entry.metadata().is_ok_and(|about| about.len() > 0),
    })
}

/// Twelve files that take a while each.
fn write_sales(desk: &Desk) {
    std::fs::create_dir(desk.path("sales")).unwrap();
    for file in 0..12_usize {
        let mut csv = "day,amount,city,note\n".to_owned();
        for row in 0..20_000_usize {
            let number = (row * 7_919 + file) % 10_007;
            let city = ["Berlin", "北京", "Lagos"][number % 3];
            let day = 1 + row % 28;
            writeln!(
                csv,
                "2024-01-{day:02},{number}.5,{city},order {number} of {file}"
            )
            .unwrap();
        }
        desk.write(&format!("sales/{file:02}.csv"), csv);
    }
}

#[test]
fn a_query_outlives_an_executor_that_is_killed_in_the_middle() {
    let desk = Desk::new();
    write_sales(&desk);
    let here = ["profile", "sales", "--threads", "12", "-o", "here.parquet"];
    desk.driftline(&here).ends_with(0);
    let cluster = Cluster::start(&desk);
    let dies = cluster.executor(&desk, "dies");
    let _lives = cluster.executor(&desk, "lives");
    let there = [
        "profile",
        "sales",
        "--threads",
        "12",
        "-o",
        "there.parquet",
        "--cluster",
        &cluster.address,
    ];
    let mut query = desk.start(&there);
    // It has ended a task, and others are still to be done.
    until("the executor wrote a result", || {
        holds_data(&desk.path("dies"))
    });
    dies.signal("KILL");
    assert!(query.0.try_wait().unwrap().is_none(), "it was too quick");
    assert_eq!(query.wait(), Some(0));
    let bytes = |name: &str| std::fs::read(desk.path(name)).unwrap();
    assert!(bytes("here.parquet") == bytes("there.parquet"));
}

#[test]
fn a_pipeline_on_a_cluster_ends_as_it_does_here_and_executors_leave_nothing() {
    let desk = Desk::new();
    desk.write("base.csv", TRAINING.csv());
    desk.write("live.csv", crate::desk::DEARER.csv());
    desk.pipeline("base.csv", "live.csv", "");
    desk.driftline(&["run", "p.yaml", "--out", "here", "--store", "sqlite://a.db"])
        .ends_with(1);
    let mut cluster = Cluster::start(&desk);
    let mut executor = cluster.executor(&desk, "work");
    let engine = format!("engine: {{cluster: '{}'}}\n", cluster.address);
    desk.pipeline("base.csv", "live.csv", &engine);
    desk.driftline(&[
        "run",
        "p.yaml",
        "--out",
        "there",
        "--store",
        "sqlite://b.db",
    ])
    .ends_with(1);
    let [here, there] = ["here", "there"].map(|folder| {
        let verdict = desk.json(&format!("{folder}/verdict.json"));
        verdict["windows"].clone()
    });
    assert_eq!(here, there);
    executor.signal("TERM");
    assert_eq!(executor.wait(), Some(143));
    assert_eq!(names(&desk.path("work")), Vec::<String>::new());
    cluster.scheduler.signal("TERM");
    assert_eq!(cluster.scheduler.wait(), Some(143));
    for (process, says) in [
        (&mut executor, "executing for df://"),
        (&mut cluster.scheduler, "scheduling on df://"),
    ] {
        let told = process.told();
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(told.starts_with(says), "{told}");
    }
}

#[test]
fn a_run_without_its_scheduler_says_so_and_never_passes() {
    let desk = Desk::new();
    desk.write("base.csv", TRAINING.csv());
    desk.pipeline("base.csv", "base.csv", "");
    let nobody = format!("df://127.0.0.1:{}", free());
    desk.run(&["--cluster", &nobody])
        .ends_with(4)
        .says(&nobody)
        .says("check that the scheduler and its executors run");
    desk.has_no_output();
    desk.driftline(&["profile", "-", "--cluster", &nobody])
        .ends_with(4)
        .says("standard input is read by this process alone");
    desk.driftline(&["profile", "base.csv", "--cluster", "nowhere"])
        .ends_with(2)
        .says("write df://HOST:PORT");
}
