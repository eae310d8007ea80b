//! What was read of a topic or of files is written down whole, or not at all.

use crate::support::{Fixture, MONITOR, Parts, at, on_both};
use driftline_store::{
    DeadLetter, Lease, MonitorSettings, ReadFile, ReadFiles, ReadTargets, RunCommit, Store,
    StoreError, StreamClosing, StreamPane, StreamPartition, StreamProgress, StreamSegment,
    StreamState,
};

on_both! {
    a_stretch_adds_to_what_is_there
    a_window_closes_with_its_run_or_not_at_all
    a_window_that_slides_leaves_the_panes_of_the_next
    a_former_reader_writes_nothing
    what_was_read_is_replaced_with_a_run
}

const TOPIC: &str = "orders";

async fn reader(store: &Store, owner: &str, second: i64) -> Lease {
    let settings = MonitorSettings::default();
    store
        .register_monitor(MONITOR, settings, at(0))
        .await
        .unwrap();
    let lease = store.acquire_lease(MONITOR, owner, at(second + 10), at(second));
    lease.await.unwrap().unwrap()
}

/// The window that is this one pane.
const WINDOW: StreamClosing = StreamClosing {
    start_us: 0,
    end_us: 3_600,
    frees_us: 3_600,
};

fn pane(rows: u64) -> StreamPane {
    StreamPane {
        start_us: 0,
        end_us: 3_600,
        times_us: Some((7, 9)),
        rows,
        size_bytes: 2,
        dead: 1,
        late: 0,
    }
}

/// Two rows and a message that is none, from this offset on.
fn stretch(first_offset: i64) -> StreamProgress {
    StreamProgress {
        partitions: vec![StreamPartition {
            partition: 0,
            next_offset: first_offset + 3,
            newest_us: Some(first_offset),
            end_offset: Some(first_offset + 5),
        }],
        panes: vec![pane(2)],
        segments: vec![StreamSegment {
            start_us: 0,
            late_for_us: None,
            partition: 0,
            first_offset,
            lines: vec![0, u8::try_from(first_offset).unwrap()],
        }],
        dead_letters: vec![DeadLetter {
            partition: 0,
            offset: first_offset + 2,
            sent_at_ms: Some(5),
            reason: "no JSON".to_owned(),
        }],
    }
}

async fn write(store: &Store, first_offset: i64, lease: &Lease) -> Result<(), StoreError> {
    let stretch = stretch(first_offset);
    store
        .commit_stream(MONITOR, TOPIC, &stretch, lease, at(1))
        .await
}

async fn rows(store: &Store) -> Vec<u8> {
    let mut bytes = Vec::new();
    store
        .copy_stream_rows(MONITOR, &WINDOW, &mut bytes)
        .await
        .unwrap();
    bytes
}

async fn state(store: &Store) -> StreamState {
    store.stream_state(MONITOR, TOPIC).await.unwrap()
}

async fn a_stretch_adds_to_what_is_there(fixture: Fixture) {
    let store = &fixture.store;
    let lease = reader(store, "a", 0).await;
    assert_eq!(state(store).await, StreamState::default());
    for first in [0, 3] {
        write(store, first, &lease).await.unwrap();
    }
    let found = state(store).await;
    assert_eq!(found.partitions, stretch(3).partitions);
    assert_eq!(found.partitions[0].lag(), Some(2));
    let read = store.read_partitions(10).await.unwrap();
    assert_eq!((read.len(), read[0].topic.as_str()), (1, TOPIC));
    let twice = StreamPane {
        rows: 4,
        size_bytes: 4,
        dead: 2,
        ..pane(0)
    };
    assert_eq!(found.open, [twice]);
    assert_eq!(rows(store).await, [0, 0, 0, 3]);
    let letters = store.dead_letters(MONITOR, 10).await.unwrap();
    assert_eq!(letters.len(), 2);
    // The same stretch a second time is refused as a whole.
    write(store, 3, &lease).await.unwrap_err();
    assert_eq!(state(store).await, found);
}

/// The run with the closing of the window.
fn closing(parts: &Parts) -> RunCommit<'_> {
    RunCommit {
        closes: Some(WINDOW),
        ..parts.commit()
    }
}

async fn a_window_closes_with_its_run_or_not_at_all(fixture: Fixture) {
    let store = &fixture.store;
    let lease = reader(store, "a", 0).await;
    write(store, 0, &lease).await.unwrap();
    let (first, second) = (Parts::of("1"), Parts::of("2"));
    store.commit_run(&closing(&first), at(2)).await.unwrap();
    let found = state(store).await;
    assert_eq!((found.open, found.closed_until_us), (vec![], Some(3_600)));
    assert!(rows(store).await.is_empty());
    // It is closed: no second run can be its.
    store
        .commit_run(&closing(&second), at(3))
        .await
        .unwrap_err();
    assert!(store.run("2").await.unwrap().is_none());
}

async fn a_window_that_slides_leaves_the_panes_of_the_next(fixture: Fixture) {
    let store = &fixture.store;
    let lease = reader(store, "a", 0).await;
    let mut progress = stretch(0);
    let late = StreamSegment {
        late_for_us: Some(0),
        first_offset: 2,
        ..progress.segments[0].clone()
    };
    progress.segments.push(late);
    store
        .commit_stream(MONITOR, TOPIC, &progress, &lease, at(1))
        .await
        .unwrap();
    // It begins with a pane in which nothing was.
    let before = StreamClosing {
        start_us: -3_600,
        end_us: 3_600,
        frees_us: 0,
    };
    let mut bytes = Vec::new();
    let any = store.copy_stream_rows(MONITOR, &before, &mut bytes).await;
    assert_eq!((any.unwrap(), bytes), (true, vec![0, 0]));
    for may_close in [true, false] {
        let closed = store.close_empty_stream_window(MONITOR, &before, &lease, at(2));
        assert_eq!(closed.await.is_ok(), may_close);
    }
    let found = state(store).await;
    assert_eq!((found.open.len(), found.closed_until_us), (1, Some(0)));
    assert_eq!(rows(store).await, [0, 0, 0, 0]);
}

async fn a_former_reader_writes_nothing(fixture: Fixture) {
    let store = &fixture.store;
    let former = reader(store, "a", 0).await;
    let present = reader(store, "b", 10).await;
    let late = write(store, 0, &former).await;
    assert!(matches!(late, Err(StoreError::LeaseLost { .. })));
    let closed = store.close_empty_stream_window(MONITOR, &WINDOW, &former, at(11));
    assert!(matches!(closed.await, Err(StoreError::LeaseLost { .. })));
    write(store, 0, &present).await.unwrap();
    let closed = store.close_empty_stream_window(MONITOR, &WINDOW, &present, at(11));
    closed.await.unwrap();
}

async fn what_was_read_is_replaced_with_a_run(fixture: Fixture) {
    let store = &fixture.store;
    let file = |name: &str| ReadFile {
        name: name.to_owned(),
        size_bytes: 7,
        version: "v".to_owned(),
        content: "c".to_owned(),
        range: Some((1, 2)),
    };
    let targets = |start| ReadTargets {
        range: (start, start + 10),
        content: format!("of {start}"),
    };
    let first = ReadFiles {
        plan: "p".to_owned(),
        files: vec![file("a"), file("b")],
        targets_version: Some("v".to_owned()),
        targets: vec![targets(0), targets(10)],
    };
    let second = ReadFiles {
        plan: "q".to_owned(),
        files: vec![file("b")],
        targets_version: None,
        targets: Vec::new(),
    };
    assert_eq!(
        store.read_files(MONITOR).await.unwrap(),
        ReadFiles::default()
    );
    for (id, read) in [("1", first), ("2", second)] {
        let parts = Parts::of(id);
        let commit = RunCommit {
            read_files: Some(&read),
            ..parts.commit()
        };
        store.commit_run(&commit, at(1)).await.unwrap();
        assert_eq!(store.read_files(MONITOR).await.unwrap(), read);
    }
}
