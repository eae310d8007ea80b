//! From messages to rows of windows, and from times to what is over.
//!
//! A partition's watermark is the greatest time that it has seen, less what may be out of order;
//! the topic's is the least of those of its partitions, so that a partition that lags keeps its
//! windows open. Whether a row is late is decided by the watermark of its own partition, before
//! it: the same messages give the same windows, however often reading broke off between them.
//! Only silence is judged by a clock: a partition at its end that gives nothing for a while
//! holds nobody up, and where all are silent time goes on as the clock does.

use chrono::{DateTime, Utc};
use driftline_engine::{
    EngineError, Span, Windows,
    topic::{Decoder, Message, Polled, Topic},
};
use driftline_store::{
    DeadLetter, StreamPartition, StreamProgress, StreamSegment, StreamState, StreamWindow,
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
    windows: Windows,
    lateness: Lateness,
    partitions: BTreeMap<i32, Partition>,
    closed_until_us: Option<i64>,
    stretch: Stretch,
}

#[derive(Debug, Clone, Copy, Default)]
struct Partition {
    next_offset: Option<i64>,
    newest_us: Option<i64>,
    /// Since when there is nothing more, in microseconds since 1970.
    at_end_since_us: Option<i64>,
}

/// What was read since the last stretch was written down.
#[derive(Default)]
struct Stretch {
    /// Partitions that gave something.
    moved: BTreeSet<i32>,
    windows: BTreeMap<i64, StreamWindow>,
    segments: BTreeMap<(i64, i32), Segment>,
    dead_letters: Vec<DeadLetter>,
    size_bytes: usize,
}

struct Segment {
    first_offset: i64,
    lines: Vec<u8>,
}

impl Reader {
    pub(crate) fn new(
        decoder: Decoder,
        windows: Windows,
        lateness: Lateness,
        state: &StreamState,
    ) -> Self {
        let partitions = state.partitions.iter().map(|known| {
            let partition = Partition {
                next_offset: Some(known.next_offset),
                newest_us: known.newest_us,
                at_end_since_us: None,
            };
            (known.partition, partition)
        });
        Self {
            decoder,
            windows,
            lateness,
            partitions: partitions.collect(),
            closed_until_us: state.closed_until_us,
            stretch: Stretch::default(),
        }
    }

    /// The partitions that there are: one that was never heard of holds windows open.
    pub(crate) fn know(&mut self, partitions: &[i32]) {
        for partition in partitions {
            self.partitions.entry(*partition).or_default();
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
                Polled::Message(message) => self.take(&message, now),
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

    fn take(&mut self, message: &Message, now: &dyn Fn() -> DateTime<Utc>) {
        let known = self.partitions.entry(message.partition).or_default();
        if known.next_offset.is_some_and(|next| message.offset < next) {
            return;
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
            Ok(None) => return,
            Err(reason) => return self.bury(message, reason, newest_us.unwrap_or(sent_us)),
        };
        if row.time_us.saturating_sub(sent_us) > self.lateness.max_ahead_us {
            let reason = "its time is far ahead of the time at which it was sent".to_owned();
            return self.bury(message, reason, newest_us.unwrap_or(sent_us));
        }
        let Some(span) = self.windows.span_of(row.time_us) else {
            let reason = "its time is beyond the calendar".to_owned();
            return self.bury(message, reason, newest_us.unwrap_or(sent_us));
        };
        let watermark = newest_us.map(|newest| newest - self.lateness.out_of_orderness_us);
        let is_over = watermark.is_some_and(|time| self.closes_at(span.end_us) <= time);
        if is_over
            || self
                .closed_until_us
                .is_some_and(|until| span.end_us <= until)
        {
            if let Some(window) = self.window_of(newest_us.unwrap_or(row.time_us)) {
                window.late += 1;
            }
            return;
        }
        if newest_us.is_none_or(|newest| row.time_us > newest)
            && let Some(partition) = self.partitions.get_mut(&message.partition)
        {
            partition.newest_us = Some(row.time_us);
        }
        self.keep(message, span, &row.line);
    }

    fn keep(&mut self, message: &Message, span: Span, line: &[u8]) {
        let stretch = &mut self.stretch;
        stretch.size_bytes += line.len();
        let window = stretch.windows.entry(span.start_us);
        window.or_insert_with(|| empty(span)).rows += 1;
        let place = (span.start_us, message.partition);
        let segment = stretch.segments.entry(place).or_insert_with(|| Segment {
            first_offset: message.offset,
            lines: Vec::new(),
        });
        segment.lines.extend_from_slice(line);
    }

    /// Notes a message that cannot be read, in the window that was the newest then.
    fn bury(&mut self, message: &Message, reason: String, time_us: i64) {
        if let Some(window) = self.window_of(time_us) {
            window.dead += 1;
        }
        self.stretch.dead_letters.push(DeadLetter {
            partition: message.partition,
            offset: message.offset,
            sent_at_ms: message.sent_at_ms,
            reason,
        });
    }

    fn window_of(&mut self, time_us: i64) -> Option<&mut StreamWindow> {
        let span = self.windows.span_of(time_us)?;
        let window = self.stretch.windows.entry(span.start_us);
        Some(window.or_insert_with(|| empty(span)))
    }

    /// Everything that was read since the last call; `None` where that is nothing.
    pub(crate) fn stretch(&mut self) -> Option<StreamProgress> {
        let stretch = std::mem::take(&mut self.stretch);
        if stretch.moved.is_empty() {
            return None;
        }
        let mut windows = stretch.windows;
        let segments = stretch
            .segments
            .into_iter()
            .map(|((start_us, partition), segment)| {
                let lines = zstd::encode_all(segment.lines.as_slice(), ZSTD_LEVEL)
                    .expect("from memory into memory there is nothing to fail at");
                if let Some(window) = windows.get_mut(&start_us) {
                    window.size_bytes += lines.len() as u64;
                }
                StreamSegment {
                    start_us,
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
            })
        });
        Some(StreamProgress {
            partitions: partitions.collect(),
            windows: windows.into_values().collect(),
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

    /// When a window that ends then closes.
    fn closes_at(&self, end_us: i64) -> i64 {
        end_us.saturating_add(self.lateness.allowed_us)
    }

    /// Those of the open windows that are over now.
    pub(crate) fn over(&self, open: &[StreamWindow], now: DateTime<Utc>) -> Vec<StreamWindow> {
        let Some(watermark) = self.watermark_us(now.timestamp_micros()) else {
            return Vec::new();
        };
        let over = open.iter();
        over.filter(|window| self.closes_at(window.end_us) <= watermark)
            .cloned()
            .collect()
    }

    /// Rows of this window are late from now on.
    pub(crate) fn closed(&mut self, window: &StreamWindow) {
        self.closed_until_us = self.closed_until_us.max(Some(window.end_us));
    }
}

fn empty(span: Span) -> StreamWindow {
    StreamWindow {
        start_us: span.start_us,
        end_us: span.end_us,
        ..StreamWindow::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use driftline_engine::{
        ColumnInfo, DataType,
        topic::{DecoderOptions, PayloadFormat},
    };
    use proptest::prelude::*;
    use std::io::Read;

    const MINUTE_US: i64 = 60_000_000;
    const HOUR_US: i64 = 60 * MINUTE_US;

    fn windows() -> Windows {
        Windows::new("at", "1h".parse().unwrap())
    }

    fn reader(state: &StreamState) -> Reader {
        let decoder = Decoder::new(DecoderOptions {
            format: PayloadFormat::Json,
            windows: windows(),
            columns: vec![ColumnInfo {
                name: "at".into(),
                data_type: DataType::Utf8,
            }],
            key: None,
            timestamp: None,
            headers: None,
        });
        let lateness = Lateness {
            out_of_orderness_us: 10 * MINUTE_US,
            allowed_us: 5 * MINUTE_US,
            idle_us: MINUTE_US,
            max_ahead_us: 24 * HOUR_US,
        };
        let mut reader = Reader::new(decoder, windows(), lateness, state);
        reader.know(&[0, 1]);
        reader
    }

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(minutes * 60, 0).unwrap()
    }

    /// A message about a minute since 1970, or one that cannot be read.
    fn message(partition: i32, offset: i64, minute: Option<i64>) -> Message {
        let payload = match minute {
            Some(minute) => format!(
                "{{\"at\":\"{}\",\"n\":\"{offset}\"}}",
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

    /// A store in memory, with the rows of every window as one text.
    #[derive(Debug, Default, Clone, PartialEq)]
    struct Kept {
        state: StreamState,
        lines: BTreeMap<(i64, i32), String>,
        closed: BTreeMap<i64, StreamWindow>,
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
            for window in progress.windows {
                let mut all = self.state.open.iter_mut().chain(self.closed.values_mut());
                match all.find(|known| known.start_us == window.start_us) {
                    Some(known) => {
                        known.rows += window.rows;
                        known.dead += window.dead;
                        known.late += window.late;
                    }
                    None => self.state.open.push(window),
                }
            }
            self.state.open.sort_by_key(|window| window.start_us);
            for segment in progress.segments {
                let place = (segment.start_us, segment.partition);
                let mut text = String::new();
                let mut lines = zstd::Decoder::new(segment.lines.as_slice()).unwrap();
                lines.read_to_string(&mut text).unwrap();
                self.lines.entry(place).or_default().push_str(&text);
            }
            let dead = progress.dead_letters.iter();
            self.dead
                .extend(dead.map(|letter| (letter.partition, letter.offset)));
            for window in reader.over(&self.state.open, at(10_000)) {
                reader.closed(&window);
                self.state
                    .open
                    .retain(|open| open.start_us != window.start_us);
                self.state.closed_until_us = self.state.closed_until_us.max(Some(window.end_us));
                self.closed.insert(window.start_us, window);
            }
        }

        /// Rows, late and dead messages of every window, open or closed.
        fn counts(&self) -> BTreeMap<i64, (u64, u64, u64)> {
            let all = self.state.open.iter().chain(self.closed.values());
            all.map(|one| (one.start_us, (one.rows, one.late, one.dead)))
                .collect()
        }
    }

    proptest! {
        /// Whenever a process dies and whenever it writes down what it read, the same messages
        /// give the same windows.
        #[test]
        fn what_is_read_does_not_depend_on_where_reading_breaks_off(
            minutes in prop::collection::vec((0..2_i32, prop::option::weighted(0.9, 0..600_i64)), 1..80),
            breaks in prop::collection::vec((0..80_usize, any::<bool>()), 0..12),
        ) {
            let mut offsets = [0; 2];
            let messages: Vec<Message> = minutes
                .iter()
                .map(|&(partition, minute)| {
                    let offset = &mut offsets[partition as usize];
                    *offset += 1;
                    message(partition, *offset - 1, minute)
                })
                .collect();
            let now = || at(10_000);
            let mut whole = Kept::default();
            let mut one = reader(&whole.state);
            for message in &messages {
                one.take(message, &now);
            }
            whole.write(&mut one);

            let mut broken = Kept::default();
            let mut some = reader(&broken.state);
            let mut next = 0;
            let mut breaks = breaks;
            while next < messages.len() {
                some.take(&messages[next], &now);
                next += 1;
                let Some(place) = breaks.iter().position(|&(at, _)| at == next) else {
                    continue;
                };
                let (_, dies) = breaks.remove(place);
                if dies {
                    // What was not written down is read again, from where that begins.
                    some = reader(&broken.state);
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
            prop_assert_eq!(&broken.lines, &whole.lines);
            prop_assert_eq!(broken.counts(), whole.counts());
            let sorted = |kept: &Kept| {
                let mut dead = kept.dead.clone();
                dead.sort_unstable();
                dead
            };
            prop_assert_eq!(sorted(&broken), sorted(&whole));
        }
    }

    fn read(messages: &[(i32, Option<i64>)]) -> (Reader, Kept) {
        let mut kept = Kept::default();
        let mut reader = reader(&kept.state);
        for (offset, (partition, minute)) in (0..).zip(messages) {
            reader.take(&message(*partition, offset, *minute), &|| at(10_000));
        }
        kept.write(&mut reader);
        (reader, kept)
    }

    #[test]
    fn a_window_closes_when_every_partition_is_past_it_and_its_lateness() {
        let (_, kept) = read(&[(0, Some(5)), (1, Some(6)), (0, Some(75)), (1, Some(74))]);
        assert!(kept.closed.is_empty());
        let (_, kept) = read(&[(0, Some(5)), (1, Some(6)), (0, Some(75)), (1, Some(75))]);
        assert_eq!(kept.closed.keys().copied().collect::<Vec<_>>(), [0]);
        assert_eq!(kept.closed[&0].rows, 2);
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
        assert!(kept.closed.is_empty());
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
