//! From messages to rows of windows, and from times to what is over.
//!
//! A partition's watermark is the greatest time that it has seen, less what may be out of order;
//! the topic's is the least of those of its partitions, so that a partition that lags keeps its
//! windows open. Whether a row is late, and for which windows, is decided by the watermark of its
//! own partition, before it: the same messages give the same windows, however often reading broke
//! off between them.
//! Only silence is judged by a clock: a partition at its end that gives nothing for a while
//! holds nobody up, and where all are silent time goes on as the clock does.

use chrono::{DateTime, Utc};
use driftline_engine::{
    EngineError, Pane, PaneWindow, Panes, Span,
    topic::{Decoder, Message, Polled, Row, Topic, Unreadable},
};
use driftline_store::{
    DeadLetter, StreamPane, StreamPartition, StreamProgress, StreamSegment, StreamState,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// When windows close; in microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lateness {
    pub(crate) out_of_orderness_us: i64,
    pub(crate) allowed_us: i64,
    pub(crate) idle_us: i64,
    pub(crate) max_ahead_us: i64,
}

/// Bytes of rows after which a stretch is written down.
const STRETCH_BYTES: usize = 8 << 20;
/// And how long it takes at most.
const STRETCH_TIME: Duration = Duration::from_secs(1);
/// Speed matters here: the rows are read once more and then forgotten.
const ZSTD_LEVEL: i32 = 1;

/// Reads a topic, from where it was left.
pub(crate) struct Reader {
    decoder: Decoder,
    panes: Panes,
    lateness: Lateness,
    partitions: BTreeMap<i32, Partition>,
    closed_until_us: Option<i64>,
    stretch: Stretch,
}

#[derive(Debug, Clone, Copy, Default)]
struct Partition {
    next_offset: Option<i64>,
    newest_us: Option<i64>,
    /// The offset after its last message, when the broker was last asked.
    end_offset: Option<i64>,
    /// Since when there is nothing more, in microseconds since 1970.
    at_end_since_us: Option<i64>,
}

/// What was read since the last stretch was written down.
#[derive(Default)]
struct Stretch {
    /// Partitions that gave something.
    moved: BTreeSet<i32>,
    panes: BTreeMap<i64, StreamPane>,
    segments: BTreeMap<Place, Segment>,
    dead_letters: Vec<DeadLetter>,
    size_bytes: usize,
}

/// Where rows are kept: pane, partition, and for which windows they are late.
type Place = (i64, i32, Option<i64>);

struct Segment {
    first_offset: i64,
    lines: Vec<u8>,
}

impl Reader {
    pub(crate) fn new(
        decoder: Decoder,
        panes: Panes,
        lateness: Lateness,
        state: &StreamState,
    ) -> Self {
        let partitions = state.partitions.iter().map(|known| {
            let partition = Partition {
                next_offset: Some(known.next_offset),
                newest_us: known.newest_us,
                end_offset: known.end_offset,
                at_end_since_us: None,
            };
            (known.partition, partition)
        });
        Self {
            decoder,
            panes,
            lateness,
            partitions: partitions.collect(),
            closed_until_us: state.closed_until_us,
            stretch: Stretch::default(),
        }
    }

    /// The partitions that there are, and where reading each began: one that was never heard of
    /// holds windows open. Where it began is noted with the next stretch, so that what comes while
    /// nobody reads is not taken for what was there before.
    pub(crate) fn know(&mut self, partitions: &BTreeMap<i32, i64>) {
        for (partition, began) in partitions {
            let known = self.partitions.entry(*partition).or_default();
            if known.next_offset.is_none() {
                known.next_offset = Some(*began);
                self.stretch.moved.insert(*partition);
            }
        }
    }

    /// How far partitions reach, for those who look at the lag.
    pub(crate) fn know_ends(&mut self, ends: &BTreeMap<i32, i64>) {
        for (partition, end) in ends {
            let known = self.partitions.entry(*partition).or_default();
            known.end_offset = Some(*end);
        }
    }

    /// Reads for a second, or until a stretch is full; blocking.
    pub(crate) fn read(
        &mut self,
        topic: &mut dyn Topic,
        now: &dyn Fn() -> DateTime<Utc>,
    ) -> Result<(), EngineError> {
        #[expect(clippy::disallowed_methods, reason = "how long to read is no content")]
        let begin = Instant::now();
        while self.stretch.size_bytes < STRETCH_BYTES {
            let Some(left) = STRETCH_TIME.checked_sub(begin.elapsed()) else {
                break;
            };
            match topic.poll(left)? {
                Polled::Message(message) => self.take(&message, now)?,
                Polled::End(partition) => {
                    let known = self.partitions.entry(partition).or_default();
                    let since = known.at_end_since_us;
                    known.at_end_since_us = since.or_else(|| Some(now().timestamp_micros()));
                }
                Polled::Nothing => {}
                Polled::Away => {
                    // Silence of a broker that is away is not that of a partition.
                    for partition in self.partitions.values_mut() {
                        partition.at_end_since_us = None;
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes a message, or leaves it for later with all that was read since the last stretch:
    /// then this reader is of no more use.
    fn take(
        &mut self,
        message: &Message,
        now: &dyn Fn() -> DateTime<Utc>,
    ) -> Result<(), EngineError> {
        let known = self.partitions.entry(message.partition).or_default();
        if known.next_offset.is_some_and(|next| message.offset < next) {
            return Ok(());
        }
        known.next_offset = Some(message.offset + 1);
        known.at_end_since_us = None;
        let newest_us = known.newest_us;
        self.stretch.moved.insert(message.partition);
        self.stretch.size_bytes += 64;
        let sent_us = match message.sent_at_ms {
            Some(sent) => sent.saturating_mul(1_000),
            None => now().timestamp_micros(),
        };
        let row = match self.decoder.decode(message) {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(()),
            Err(Unreadable::Away(error)) => return Err(error),
            Err(Unreadable::Message(reason)) => {
                self.bury(message, reason, newest_us.unwrap_or(sent_us));
                return Ok(());
            }
        };
        if row.time_us.saturating_sub(sent_us) > self.lateness.max_ahead_us {
            let reason = "its time is far ahead of the time at which it was sent".to_owned();
            self.bury(message, reason, newest_us.unwrap_or(sent_us));
            return Ok(());
        }
        let pane = self.panes.panes().span_of(row.time_us);
        let pane = pane.and_then(|pane| Some((pane, self.panes.over_us(pane, row.time_us)?)));
        let Some((pane, over_us)) = pane else {
            let reason = "its time is beyond the calendar".to_owned();
            self.bury(message, reason, newest_us.unwrap_or(sent_us));
            return Ok(());
        };
        let settled_us = newest_us.map(|newest| self.settled_us(newest));
        if settled_us.is_some_and(|time| over_us <= time)
            || self.closed_until_us.is_some_and(|time| pane.end_us <= time)
        {
            if let Some(pane) = self.pane_of(newest_us.unwrap_or(row.time_us)) {
                pane.late += 1;
            }
            return Ok(());
        }
        if newest_us.is_none_or(|newest| row.time_us > newest)
            && let Some(partition) = self.partitions.get_mut(&message.partition)
        {
            partition.newest_us = Some(row.time_us);
        }
        let late_for = settled_us.and_then(|time| self.panes.first_open(pane, time));
        self.keep(message, pane, late_for, &row);
        Ok(())
    }

    /// Rows before this are not waited for, after a row of that time.
    fn settled_us(&self, newest_us: i64) -> i64 {
        newest_us - self.lateness.out_of_orderness_us - self.lateness.allowed_us
    }

    fn keep(&mut self, message: &Message, pane: Span, late_for: Option<i64>, row: &Row) {
        let stretch = &mut self.stretch;
        stretch.size_bytes += row.line.len();
        let known = stretch.panes.entry(pane.start_us);
        let known = known.or_insert_with(|| empty(pane));
        known.rows += 1;
        let (first, last) = known.times_us.unwrap_or((row.time_us, row.time_us));
        known.times_us = Some((first.min(row.time_us), last.max(row.time_us)));
        let place = (pane.start_us, message.partition, late_for);
        let segment = stretch.segments.entry(place).or_insert_with(|| Segment {
            first_offset: message.offset,
            lines: Vec::new(),
        });
        segment.lines.extend_from_slice(&row.line);
    }

    /// Notes a message that cannot be read, in the pane that was the newest then.
    fn bury(&mut self, message: &Message, reason: String, time_us: i64) {
        if let Some(pane) = self.pane_of(time_us) {
            pane.dead += 1;
        }
        self.stretch.dead_letters.push(DeadLetter {
            partition: message.partition,
            offset: message.offset,
            sent_at_ms: message.sent_at_ms,
            reason,
        });
    }

    fn pane_of(&mut self, time_us: i64) -> Option<&mut StreamPane> {
        let span = self.panes.panes().span_of(time_us)?;
        let pane = self.stretch.panes.entry(span.start_us);
        Some(pane.or_insert_with(|| empty(span)))
    }

    /// Everything that was read since the last call; `None` where that is nothing.
    pub(crate) fn stretch(&mut self) -> Option<StreamProgress> {
        let stretch = std::mem::take(&mut self.stretch);
        if stretch.moved.is_empty() {
            return None;
        }
        let mut panes = stretch.panes;
        let segments = stretch
            .segments
            .into_iter()
            .map(|((start_us, partition, late_for_us), segment)| {
                let lines = zstd::encode_all(segment.lines.as_slice(), ZSTD_LEVEL)
                    .expect("from memory into memory there is nothing to fail at");
                if let Some(pane) = panes.get_mut(&start_us) {
                    pane.size_bytes += lines.len() as u64;
                }
                StreamSegment {
                    start_us,
                    late_for_us,
                    partition,
                    first_offset: segment.first_offset,
                    lines,
                }
            })
            .collect();
        let moved = stretch.moved.into_iter();
        let partitions = moved.filter_map(|partition| {
            let known = self.partitions.get(&partition)?;
            Some(StreamPartition {
                partition,
                next_offset: known.next_offset?,
                newest_us: known.newest_us,
                end_offset: known.end_offset,
            })
        });
        Some(StreamProgress {
            partitions: partitions.collect(),
            panes: panes.into_values().collect(),
            segments,
            dead_letters: stretch.dead_letters,
        })
    }

    /// Up to which time nothing more is waited for; `None` while that is not known.
    fn watermark_us(&self, now_us: i64) -> Option<i64> {
        let quiet_us = |partition: &Partition| {
            let since = partition.at_end_since_us?;
            Some(now_us - since).filter(|&quiet| quiet >= self.lateness.idle_us)
        };
        let all = self.partitions.values();
        let active: Vec<&Partition> = all.filter(|one| quiet_us(one).is_none()).collect();
        let time_us = if active.is_empty() {
            let all = self.partitions.values();
            all.filter_map(|one| Some(one.newest_us? + quiet_us(one)?))
                .max()
        } else {
            // One that is not silent and has no time yet holds everything open.
            let times: Option<Vec<i64>> = active.iter().map(|one| one.newest_us).collect();
            times?.into_iter().min()
        };
        time_us.map(|time| time - self.lateness.out_of_orderness_us)
    }

    /// The windows of open panes that are over now, in order.
    pub(crate) fn over(&self, open: &[StreamPane], now: DateTime<Utc>) -> Vec<PaneWindow> {
        let Some(watermark) = self.watermark_us(now.timestamp_micros()) else {
            return Vec::new();
        };
        let settled_us = watermark - self.lateness.allowed_us;
        let panes = open.iter().map(|pane| Pane {
            span: Span {
                start_us: pane.start_us,
                end_us: pane.end_us,
            },
            times: pane.times_us,
        });
        let panes: Vec<Pane> = panes.collect();
        let mut windows = self.panes.windows(&panes, self.closed_until_us);
        windows.retain(|window| window.over_us <= settled_us);
        windows
    }

    /// Rows of this window are late from now on.
    pub(crate) fn closed(&mut self, window: &PaneWindow) {
        self.closed_until_us = self.closed_until_us.max(Some(window.frees_us));
    }
}

fn empty(span: Span) -> StreamPane {
    StreamPane {
        start_us: span.start_us,
        end_us: span.end_us,
        ..StreamPane::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use driftline_engine::{
        ColumnInfo, Cut, DataType, Windows,
        topic::{DecoderOptions, PayloadFormat},
    };
    use proptest::prelude::*;
    use std::io::Read;

    const MINUTE_US: i64 = 60_000_000;
    const HOUR_US: i64 = 60 * MINUTE_US;
    const OUT_OF_ORDER: i64 = 10;
    const ALLOWED: i64 = 5;

    fn windows(width: &str) -> Windows {
        Windows::new("at", width.parse().unwrap())
    }

    fn tumbling() -> Panes {
        Panes::of(&windows("1h"))
    }

    fn sliding() -> Panes {
        let mut windows = windows("1h");
        windows.cut = Cut::Sliding("20m".parse().unwrap());
        Panes::of(&windows)
    }

    /// Sessions of up to a year.
    fn sessions() -> Panes {
        Panes::of_sessions(windows("20m"), 3 * 24 * 365)
    }

    fn any_panes() -> impl Strategy<Value = Panes> {
        prop::sample::select(vec![tumbling(), sliding(), sessions()])
    }

    fn reader(panes: &Panes, state: &StreamState) -> Reader {
        let decoder = Decoder::new(DecoderOptions {
            format: PayloadFormat::Json,
            windows: panes.panes().clone(),
            columns: vec![ColumnInfo {
                name: "at".into(),
                data_type: DataType::Utf8,
            }],
            key: None,
            timestamp: None,
            headers: None,
        });
        let lateness = Lateness {
            out_of_orderness_us: OUT_OF_ORDER * MINUTE_US,
            allowed_us: ALLOWED * MINUTE_US,
            idle_us: MINUTE_US,
            max_ahead_us: 24 * HOUR_US,
        };
        let mut reader = Reader::new(decoder, panes.clone(), lateness, state);
        reader.know(&BTreeMap::from([(0, 0), (1, 0)]));
        reader
    }

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(minutes * 60, 0).unwrap()
    }

    /// A message about a minute since 1970, or one that cannot be read.
    fn message(partition: i32, offset: i64, minute: Option<i64>) -> Message {
        let payload = match minute {
            Some(minute) => format!(
                "{{\"at\":\"{}\",\"n\":\"{partition}.{offset}\"}}",
                at(minute).to_rfc3339()
            ),
            None => "?".into(),
        };
        Message {
            partition,
            offset,
            sent_at_ms: Some(at(10_000).timestamp_millis()),
            payload: Some(payload.into()),
            ..Message::default()
        }
    }

    /// Messages with the offsets of their partitions.
    fn messages(minutes: &[(i32, Option<i64>)]) -> Vec<Message> {
        let mut offsets = [0; 2];
        let minutes = minutes.iter();
        minutes
            .map(|&(partition, minute)| {
                let offset = &mut offsets[partition as usize];
                *offset += 1;
                message(partition, *offset - 1, minute)
            })
            .collect()
    }

    /// A store in memory.
    #[derive(Debug, Default, Clone)]
    struct Kept {
        state: StreamState,
        closed_panes: Vec<StreamPane>,
        segments: Vec<StreamSegment>,
        /// Windows that were judged, with their rows.
        judged: Vec<(Span, String)>,
        dead: Vec<(i32, i64)>,
    }

    impl Kept {
        fn write(&mut self, reader: &mut Reader) {
            let Some(progress) = reader.stretch() else {
                return;
            };
            for read in progress.partitions {
                self.state
                    .partitions
                    .retain(|known| known.partition != read.partition);
                self.state.partitions.push(read);
            }
            for pane in progress.panes {
                let mut all = self.state.open.iter_mut().chain(&mut self.closed_panes);
                match all.find(|known| known.start_us == pane.start_us) {
                    Some(known) => {
                        known.rows += pane.rows;
                        known.dead += pane.dead;
                        known.late += pane.late;
                        let times = known.times_us.into_iter().chain(pane.times_us);
                        known.times_us = times.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
                    }
                    None => self.state.open.push(pane),
                }
            }
            self.state.open.sort_by_key(|pane| pane.start_us);
            self.segments.extend(progress.segments);
            let dead = progress.dead_letters.iter();
            self.dead
                .extend(dead.map(|letter| (letter.partition, letter.offset)));
            for window in reader.over(&self.state.open, at(10_000)) {
                let rows = self.rows(&window);
                if !rows.is_empty() {
                    self.judged.push((window.span, rows));
                }
                reader.closed(&window);
                let free = |pane: &StreamPane| pane.end_us <= window.frees_us;
                let freed = self.state.open.iter().filter(|pane| free(pane)).cloned();
                self.closed_panes.extend(freed.collect::<Vec<_>>());
                self.state.open.retain(|pane| !free(pane));
                self.segments.retain(|one| one.start_us >= window.frees_us);
                self.state.closed_until_us = Some(window.frees_us);
            }
        }

        /// The rows of a window, as one text.
        fn rows(&self, window: &PaneWindow) -> String {
            let inside = window.panes.start_us..window.panes.end_us;
            let is_in_time = |one: &&StreamSegment| {
                one.late_for_us
                    .is_none_or(|first| first <= window.panes.start_us)
            };
            let segments = self.segments.iter();
            let segments = segments.filter(|one| inside.contains(&one.start_us));
            let mut segments: Vec<&StreamSegment> = segments.filter(is_in_time).collect();
            segments.sort_by_key(|one| (one.partition, one.first_offset));
            let mut text = String::new();
            for segment in segments {
                let mut lines = zstd::Decoder::new(segment.lines.as_slice()).unwrap();
                lines.read_to_string(&mut text).unwrap();
            }
            text
        }

        /// Rows, late and dead messages of every pane.
        fn counts(&self) -> BTreeMap<i64, (u64, u64, u64)> {
            let all = self.state.open.iter().chain(&self.closed_panes);
            all.map(|one| (one.start_us, (one.rows, one.late, one.dead)))
                .collect()
        }

        fn dead(&self) -> Vec<(i32, i64)> {
            let mut dead = self.dead.clone();
            dead.sort_unstable();
            dead
        }

        /// The rows of each window that was judged, in no order.
        fn sets(&self) -> Vec<(Span, BTreeSet<&str>)> {
            let judged = self.judged.iter();
            judged
                .map(|(span, rows)| (*span, rows.lines().collect()))
                .collect()
        }
    }

    fn minutes() -> impl Strategy<Value = Vec<(i32, Option<i64>)>> {
        let one = (0..2_i32, prop::option::weighted(0.9, 0..600_i64));
        // The last two close what is open.
        prop::collection::vec(one, 1..80).prop_map(|mut minutes| {
            minutes.extend([(0, Some(5_000)), (1, Some(5_000))]);
            minutes
        })
    }

    /// What should become of messages, said another way: which rows count at all, and then
    /// which are in which window.
    fn expected(panes: &Panes, messages: &[Message]) -> Vec<(Span, BTreeSet<String>)> {
        let mut newest = [None; 2];
        let mut rows: Vec<(i64, i64, String)> = Vec::new();
        for message in messages {
            let payload = String::from_utf8(message.payload.clone().unwrap()).unwrap();
            let Ok(row) = serde_json::from_str::<serde_json::Value>(&payload) else {
                continue;
            };
            let time = DateTime::parse_from_rfc3339(row["at"].as_str().unwrap()).unwrap();
            let time = time.timestamp_micros();
            let newest = &mut newest[message.partition as usize];
            let settled = newest.map_or(i64::MIN, |newest: i64| {
                newest - (OUT_OF_ORDER + ALLOWED) * MINUTE_US
            });
            *newest = (*newest).max(Some(time));
            rows.push((time, settled, payload));
        }
        let mut found: BTreeMap<Span, BTreeSet<String>> = BTreeMap::new();
        let pane = panes.panes().width.to_string();
        if panes.over_us(panes.panes().span_of(0).unwrap(), 0) == Some(1) {
            rows.retain(|(time, settled, _)| time >= settled);
            rows.sort();
            let mut session: Option<(Span, BTreeSet<String>)> = None;
            for (time, _, row) in rows {
                let (span, held) = match session.take() {
                    Some((span, held)) if time < span.end_us => (span.start_us, held),
                    before => {
                        found.extend(before);
                        (time, BTreeSet::new())
                    }
                };
                let span = Span {
                    start_us: span,
                    end_us: time + 20 * MINUTE_US,
                };
                let mut held = held;
                held.insert(row);
                session = Some((span, held));
            }
        } else {
            let step = if pane == "1h" {
                HOUR_US
            } else {
                20 * MINUTE_US
            };
            for (time, settled, row) in rows {
                let mut start_us = time.div_euclid(step) * step;
                while start_us > time - HOUR_US {
                    let end_us = start_us + HOUR_US;
                    if end_us > settled {
                        let span = Span { start_us, end_us };
                        found.entry(span).or_default().insert(row.clone());
                    }
                    start_us -= step;
                }
            }
        }
        // What the last two messages do not close.
        found.retain(|span, _| span.end_us <= (5_000 - OUT_OF_ORDER - ALLOWED) * MINUTE_US);
        found.into_iter().collect()
    }

    proptest! {
        /// Whenever a process dies and whenever it writes down what it read, the same messages
        /// give the same windows.
        #[test]
        fn what_is_read_does_not_depend_on_where_reading_breaks_off(
            panes in any_panes(),
            minutes in minutes(),
            breaks in prop::collection::vec((0..80_usize, any::<bool>()), 0..12),
        ) {
            let messages = messages(&minutes);
            let now = || at(10_000);
            let mut whole = Kept::default();
            let mut one = reader(&panes, &whole.state);
            for message in &messages {
                one.take(message, &now).unwrap();
            }
            whole.write(&mut one);

            let mut broken = Kept::default();
            let mut some = reader(&panes, &broken.state);
            let mut next = 0;
            let mut breaks = breaks;
            while next < messages.len() {
                some.take(&messages[next], &now).unwrap();
                next += 1;
                let Some(place) = breaks.iter().position(|&(at, _)| at == next) else {
                    continue;
                };
                let (_, dies) = breaks.remove(place);
                if dies {
                    // What was not written down is read again, from where that begins.
                    some = reader(&panes, &broken.state);
                    let is_new = |message: &Message| {
                        let known = broken.state.partitions.iter();
                        let mut known = known.filter(|one| one.partition == message.partition);
                        known.all(|one| message.offset >= one.next_offset)
                    };
                    next = messages.iter().position(is_new).unwrap_or(messages.len());
                } else {
                    broken.write(&mut some);
                }
            }
            broken.write(&mut some);
            prop_assert_eq!(broken.sets(), whole.sets());
            prop_assert_eq!(broken.counts(), whole.counts());
            prop_assert_eq!(broken.dead(), whole.dead());
        }

        #[test]
        fn windows_hold_the_rows_that_they_should(panes in any_panes(), minutes in minutes()) {
            let messages = messages(&minutes);
            let mut kept = Kept::default();
            let mut reader = reader(&panes, &kept.state);
            for message in &messages {
                reader.take(message, &|| at(10_000)).unwrap();
                kept.write(&mut reader);
            }
            let expected = expected(&panes, &messages);
            let found: Vec<(Span, BTreeSet<String>)> = kept
                .sets()
                .into_iter()
                .map(|(span, rows)| (span, rows.into_iter().map(str::to_owned).collect()))
                .collect();
            prop_assert_eq!(found, expected);
        }
    }

    fn read(messages: &[(i32, Option<i64>)]) -> (Reader, Kept) {
        let mut kept = Kept::default();
        let mut reader = reader(&tumbling(), &kept.state);
        for (offset, (partition, minute)) in (0..).zip(messages) {
            let message = message(*partition, offset, *minute);
            reader.take(&message, &|| at(10_000)).unwrap();
        }
        kept.write(&mut reader);
        (reader, kept)
    }

    #[test]
    fn a_window_closes_when_every_partition_is_past_it_and_its_lateness() {
        let (_, kept) = read(&[(0, Some(5)), (1, Some(6)), (0, Some(75)), (1, Some(74))]);
        assert!(kept.judged.is_empty());
        let (_, kept) = read(&[(0, Some(5)), (1, Some(6)), (0, Some(75)), (1, Some(75))]);
        let judged: Vec<i64> = kept.judged.iter().map(|(span, _)| span.start_us).collect();
        assert_eq!(judged, [0]);
        assert_eq!(kept.closed_panes[0].rows, 2);
    }

    #[test]
    fn late_and_dead_messages_are_counted_where_time_was() {
        let (_, kept) = read(&[(0, Some(5)), (0, Some(130)), (0, Some(6)), (0, None)]);
        let newest = &kept.state.open[1];
        assert_eq!((newest.rows, newest.late, newest.dead), (1, 1, 1));
        assert_eq!(kept.dead, [(0, 3)]);
    }

    #[test]
    fn a_time_far_ahead_of_its_message_closes_nothing() {
        let (_, kept) = read(&[(0, Some(9_000)), (1, Some(9_000)), (0, Some(20_000))]);
        assert_eq!(kept.dead, [(0, 2)]);
        assert!(kept.judged.is_empty());
    }

    #[test]
    fn a_silent_partition_holds_nobody_up_and_silence_of_all_is_time_that_passes() {
        let (mut reader, kept) = read(&[(0, Some(5)), (0, Some(80))]);
        let silent = |reader: &mut Reader, partition: i32| {
            let known = reader.partitions.get_mut(&partition).unwrap();
            known.at_end_since_us = Some(at(100).timestamp_micros());
        };
        let over = |reader: &Reader, minute: i64| reader.over(&kept.state.open, at(minute)).len();
        // Nothing is known of the other partition.
        assert_eq!(over(&reader, 100), 0);
        silent(&mut reader, 1);
        assert_eq!(over(&reader, 100), 0);
        assert_eq!(over(&reader, 101), 1);
        silent(&mut reader, 0);
        // 80 + 54 - 10 is not past 120 + 5, 80 + 55 - 10 is.
        assert_eq!(over(&reader, 154), 1);
        assert_eq!(over(&reader, 155), 2);
    }
}
