//! Charts as inline SVG, drawn here because a report may load nothing.
//!
//! Colours are classes that the page's style sheet fills in, so that one drawing serves light,
//! dark and paper. Nothing is told by colour alone: an alarm is a diamond, the limit a dashed
//! step line, the baseline an outlined bar. One unit of a drawing is about one pixel on a
//! phone and on a desk, because the page lays charts out in columns of that width.

use crate::report::format::{clip, fit, instant, quantity};
use crate::report::model::{Distribution, Trend};
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

/// Width of a chart in units of its drawing.
const WIDTH: f64 = 360.0;
/// Height of a trend and of upright bars.
const HEIGHT: f64 = 168.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 22.0;

/// Points up to which each one is drawn and can be pointed at.
const POINTS_WITH_MARKS: usize = 120;

/// Where a trend is drawn, and how much is said about it.
struct Frame {
    class: &'static str,
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    /// Whether values and windows are named, and each point can be pointed at.
    is_labelled: bool,
}

/// A chart of its own.
const CHART: Frame = Frame {
    class: "chart",
    width: WIDTH,
    height: HEIGHT,
    left: LEFT,
    right: RIGHT,
    top: TOP,
    bottom: BOTTOM,
    is_labelled: true,
};

/// A cell of a table.
const CELL: Frame = Frame {
    class: "spark trend",
    width: 132.0,
    height: 34.0,
    left: 2.0,
    right: 2.0,
    top: 4.0,
    bottom: 4.0,
    is_labelled: false,
};

/// A drawing being written.
struct Svg {
    text: String,
}

impl Svg {
    fn new(width: f64, height: f64, class: &str, title: &str) -> Self {
        let title = escape(title);
        Self {
            text: format!(
                "<svg class=\"{class}\" viewBox=\"0 0 {} {}\" role=\"img\" \
                 aria-label=\"{title}\"><title>{title}</title>",
                coordinate(width),
                coordinate(height)
            ),
        }
    }

    fn push(&mut self, part: std::fmt::Arguments<'_>) {
        // Writing into a string cannot fail.
        self.text.write_fmt(part).ok();
    }

    fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        self.push(format_args!(
            "<path class=\"{class}\" d=\"M{} {}L{} {}\"/>",
            coordinate(from.0),
            coordinate(from.1),
            coordinate(to.0),
            coordinate(to.1)
        ));
    }

    fn path(&mut self, class: &str, path: &str) {
        if !path.is_empty() {
            self.push(format_args!("<path class=\"{class}\" d=\"{path}\"/>"));
        }
    }

    /// `anchor` is `start`, `middle` or `end`.
    fn text(&mut self, class: &str, at: (f64, f64), anchor: &str, text: &str) {
        self.push(format_args!(
            "<text class=\"{class}\" x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
            coordinate(at.0),
            coordinate(at.1),
            escape(text)
        ));
    }

    fn bar(&mut self, class: &str, at: (f64, f64), size: (f64, f64)) {
        self.push(format_args!(
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
            coordinate(at.0),
            coordinate(at.1),
            coordinate(size.0.max(0.0)),
            coordinate(size.1.max(0.0))
        ));
    }

    fn finish(mut self) -> String {
        self.text.push_str("</svg>");
        self.text
    }
}

/// A place in a drawing, to a tenth of a unit and without a needless `.0`.
fn coordinate(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// Text for an element or a quoted attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            control if control.is_control() => escaped.push(' '),
            character => escaped.push(character),
        }
    }
    escaped
}

/// Round numbers that span the values: 1, 2 or 5 times a power of ten apart.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let span = (high - low).max(f64::MIN_POSITIVE);
    let raw = span / 3.0;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= raw)
        .unwrap_or(power * 10.0);
    let first = (low / step).floor() as i64;
    let last = (high / step).ceil() as i64;
    (first..=last.min(first + 8))
        .map(|place| place as f64 * step)
        .collect()
}

/// A tick's label: as many decimals as its step needs, in per cent for a share.
fn tick_label(value: f64, step: f64, unit: &str) -> String {
    let (value, step, suffix) = if unit.starts_with("share") {
        (value * 100.0, step * 100.0, "%")
    } else {
        (value, step, "")
    };
    if value.abs() >= 1e6 || (step < 1e-4 && value.abs() > 0.0) {
        return format!("{value:.0e}{suffix}");
    }
    let places = (-step.log10().floor()).clamp(0.0, 4.0) as usize;
    format!("{value:.places$}{suffix}")
}

/// Values over the windows, with limit, baseline and alarms. At most `points` newest windows
/// are drawn.
pub fn trend(trend: &Trend, points: usize) -> String {
    plot(trend, points, &CHART)
}

/// The same in a cell of a table: the line, its limit, its alarms, and in words what it is.
pub fn small_trend(trend: &Trend, points: usize) -> String {
    plot(trend, points, &CELL)
}

fn plot(trend: &Trend, points: usize, frame: &Frame) -> String {
    let skipped = trend.points.len().saturating_sub(points);
    let drawn = &trend.points[skipped..];
    // Beyond this the distance between two values may not be a number.
    let finite = |value: Option<f64>| value.filter(|value| value.abs() < 1e150);
    let values = drawn
        .iter()
        .flat_map(|point| [point.value, point.limit, point.lower_limit, point.baseline])
        .filter_map(finite);
    let (mut low, mut high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
        (low.min(v), high.max(v))
    });
    if low > high {
        (low, high) = (0.0, 1.0);
    }
    // A quantity that comes near zero is drawn from zero, so that heights can be compared.
    if low > 0.0 && low < 0.6 * high {
        low = 0.0;
    }
    let size = high.abs().max(low.abs());
    if high - low <= size * 1e-9 {
        let around = if size < 1e-12 { 1.0 } else { size * 0.5 };
        (low, high) = (low - around, high + around);
    }
    let ticks = match frame.is_labelled {
        true => ticks(low, high),
        false => Vec::new(),
    };
    let (low, high) = (
        ticks.first().copied().unwrap_or(low),
        ticks.last().copied().unwrap_or(high),
    );
    let step = ticks.get(1).map_or(1.0, |second| second - low);
    let end = frame.width - frame.right;
    let width = end - frame.left;
    let height = frame.height - frame.top - frame.bottom;
    let x = |place: usize| frame.left + width * (place as f64 + 0.5) / drawn.len().max(1) as f64;
    let y = |value: f64| frame.top + height * (high - value) / (high - low);

    let mut svg = Svg::new(frame.width, frame.height, frame.class, &trend_title(trend));
    for tick in &ticks {
        svg.line("grid", (frame.left, y(*tick)), (end, y(*tick)));
        let label = tick_label(*tick, step, &trend.unit);
        svg.text("tick", (frame.left - 6.0, y(*tick) + 3.5), "end", &label);
    }
    let labels = match frame.is_labelled {
        true => x_labels(drawn.len()),
        false => Vec::new(),
    };
    for (place, anchor) in labels {
        if let Some(point) = drawn.get(place) {
            let at = match anchor {
                "start" => frame.left,
                "end" => end,
                _ => x(place),
            };
            let label = clip(&instant(&point.window), 16);
            svg.text("tick", (at, frame.height - 6.0), anchor, &label);
        }
    }
    let line = |value: fn(&crate::report::model::TrendPoint) -> Option<f64>| {
        let mut path = String::new();
        let mut pen_down = false;
        for (place, point) in drawn.iter().enumerate() {
            match finite(value(point)) {
                Some(value) => {
                    let command = if pen_down { 'L' } else { 'M' };
                    path.push_str(&format!(
                        "{command}{} {}",
                        coordinate(x(place)),
                        coordinate(y(value))
                    ));
                    pen_down = true;
                }
                None => pen_down = false,
            }
        }
        path
    };
    let half = width / drawn.len().max(1) as f64 / 2.0;
    let steps = |limit: fn(&crate::report::model::TrendPoint) -> Option<f64>| {
        let mut steps = String::new();
        let mut level: Option<f64> = None;
        for (place, point) in drawn.iter().enumerate() {
            let limit = finite(limit(point));
            if let Some(limit) = limit {
                let (from, to) = (coordinate(x(place) - half), coordinate(x(place) + half));
                let at = coordinate(y(limit));
                match level {
                    Some(_) => steps.push_str(&format!("V{at}H{to}")),
                    None => steps.push_str(&format!("M{from} {at}H{to}")),
                }
            }
            level = limit;
        }
        steps
    };
    svg.path("baseline", &line(|point| point.baseline));
    svg.path("limit", &steps(|point| point.limit));
    svg.path("limit", &steps(|point| point.lower_limit));
    svg.path("value", &line(|point| point.value));
    let marked = frame.is_labelled && drawn.len() <= POINTS_WITH_MARKS;
    // Half the diagonal of an alarm's diamond.
    let reach = if marked { 4.5 } else { 2.5 };
    let mut alarms = String::new();
    let mut dots = String::new();
    for (place, point) in drawn.iter().enumerate() {
        let Some(value) = finite(point.value) else {
            continue;
        };
        let (x, y) = (x(place), y(value));
        if point.alarm {
            let diamond = format!(
                "M{} {}l{reach} {reach}-{reach} {reach}-{reach}-{reach}z",
                coordinate(x),
                coordinate(y - reach)
            );
            if marked {
                svg.push(format_args!(
                    "<path class=\"alarm\" d=\"{diamond}\"><title>{}</title></path>",
                    escape(&point_title(trend, point))
                ));
            } else {
                alarms.push_str(&diamond);
            }
        } else if marked {
            dots.push_str(&format!("M{} {}h0", coordinate(x), coordinate(y)));
        }
    }
    svg.path("alarm", &alarms);
    svg.path("dots", &dots);
    svg.finish()
}

/// Which points are named under a trend: the first, the last, one between them if it fits.
fn x_labels(points: usize) -> Vec<(usize, &'static str)> {
    match points {
        0 => Vec::new(),
        1 => vec![(0, "middle")],
        2..=6 => vec![(0, "start"), (points - 1, "end")],
        _ => vec![(0, "start"), (points / 2, "middle"), (points - 1, "end")],
    }
}

fn point_title(trend: &Trend, point: &crate::report::model::TrendPoint) -> String {
    let mut title = instant(&point.window);
    if let Some(value) = point.value {
        title.push_str(&format!(": {}", quantity(value, &trend.unit)));
    }
    if let Some(limit) = point.nearest_limit() {
        title.push_str(&format!(", limit {}", quantity(limit, &trend.unit)));
    }
    title
}

/// What a trend shows, for whoever cannot see it.
fn trend_title(trend: &Trend) -> String {
    let mut title = clip(&trend.name, 60);
    if let Some(measure) = &trend.measure {
        title.push_str(&format!(", {}", clip(&measure.replace('_', " "), 60)));
    }
    if let Some(point) = trend.points.last() {
        title.push_str(&format!("; newest window {}", point_title(trend, point)));
    }
    let alarms = trend.points.iter().filter(|point| point.alarm).count();
    title.push_str(&format!(
        "; {alarms} of {} windows beyond the limit",
        trend.points.len()
    ));
    title
}

/// Shares of the baseline and of a window, bin by bin: upright bars for short labels such as
/// numbers, lying ones for words. At most `bins` are drawn.
pub(crate) fn distribution(distribution: &Distribution, bins: usize) -> String {
    let drawn = &distribution.bins[..distribution.bins.len().min(bins)];
    let title = format!(
        "{}: shares of the baseline and of {}, by {}",
        clip(&distribution.column, 60),
        clip(&instant(&distribution.window), 40),
        clip(&distribution.axis, 60)
    );
    let share = |share: f64| {
        if share.is_finite() {
            share.clamp(0.0, 1.0)
        } else {
            0.0
        }
    };
    let pairs: Vec<(String, f64, f64)> = drawn
        .iter()
        .map(|bin| (clip(&bin.label, 40), share(bin.baseline), share(bin.window)))
        .collect();
    let most = pairs
        .iter()
        .map(|(_, baseline, window)| baseline.max(*window))
        .fold(0.0, f64::max);
    let numeric = pairs.len() >= 5
        && pairs.iter().all(|(label, _, _)| {
            label.starts_with(|c: char| c.is_ascii_digit() || "-−+<≤>≥[(".contains(c))
        });
    if numeric {
        upright(&title, &pairs, most)
    } else {
        lying(&title, &pairs, most)
    }
}

fn upright(title: &str, pairs: &[(String, f64, f64)], most: f64) -> String {
    let ticks = ticks(0.0, most.max(1e-6));
    let high = ticks.last().copied().unwrap_or(1.0);
    let step = ticks.get(1).copied().unwrap_or(1.0);
    let y = |share: f64| TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - share / high);
    let slot = (WIDTH - LEFT - RIGHT) / pairs.len().max(1) as f64;
    let bar = (slot * 0.42).min(14.0);
    let mut svg = Svg::new(WIDTH, HEIGHT, "chart", title);
    for tick in &ticks {
        svg.line("grid", (LEFT, y(*tick)), (WIDTH - RIGHT, y(*tick)));
        let label = tick_label(*tick, step, "share");
        svg.text("tick", (LEFT - 6.0, y(*tick) + 3.5), "end", &label);
    }
    let widest = pairs
        .iter()
        .map(|(label, _, _)| label.width())
        .max()
        .unwrap_or(1);
    // About six units a character: name every bin, or every second, third, …
    let every = ((widest as f64 * 6.0 + 8.0) / slot).ceil().max(1.0) as usize;
    for (place, (label, baseline, window)) in pairs.iter().enumerate() {
        let middle = LEFT + slot * (place as f64 + 0.5);
        svg.push(format_args!(
            "<g><title>{}</title>",
            escape(&pair_title(label, *baseline, *window))
        ));
        svg.bar(
            "bar-baseline",
            (middle - bar, y(*baseline)),
            (bar, y(0.0) - y(*baseline)),
        );
        svg.bar(
            "bar-window",
            (middle, y(*window)),
            (bar, y(0.0) - y(*window)),
        );
        svg.push(format_args!("</g>"));
        if place % every == 0 {
            svg.text("tick", (middle, HEIGHT - 6.0), "middle", label);
        }
    }
    svg.finish()
}

fn lying(title: &str, pairs: &[(String, f64, f64)], most: f64) -> String {
    const ROW: f64 = 24.0;
    const LABEL: f64 = 104.0;
    const SHARE: f64 = 52.0;
    let height = ROW * pairs.len().max(1) as f64 + 6.0;
    let scale = (WIDTH - LABEL - SHARE) / most.max(1e-9);
    let mut svg = Svg::new(WIDTH, height, "chart", title);
    for (place, (label, baseline, window)) in pairs.iter().enumerate() {
        let top = 3.0 + ROW * place as f64;
        svg.push(format_args!(
            "<g><title>{}</title>",
            escape(&pair_title(label, *baseline, *window))
        ));
        svg.text("label", (LABEL - 8.0, top + 15.0), "end", &fit(label, 15));
        svg.bar("bar-baseline", (LABEL, top + 3.0), (baseline * scale, 8.0));
        svg.bar("bar-window", (LABEL, top + 12.0), (window * scale, 8.0));
        let end = LABEL + baseline.max(*window) * scale + 6.0;
        svg.text(
            "tick",
            (end, top + 15.5),
            "start",
            &quantity(*window, "share"),
        );
        svg.push(format_args!("</g>"));
    }
    svg.finish()
}

fn pair_title(label: &str, baseline: f64, window: f64) -> String {
    format!(
        "{label}: baseline {}, window {}",
        quantity(baseline, "share"),
        quantity(window, "share")
    )
}

/// A term's documents over the windows as small bars; those from its first alarm on are
/// solid, the ones before it outlined. At most `points` newest windows are drawn.
pub fn sparkline(series: &[u64], first_alarm: Option<usize>, points: usize) -> String {
    const SPARK_WIDTH: f64 = 120.0;
    const SPARK_HEIGHT: f64 = 26.0;
    let skipped = series.len().saturating_sub(points);
    let drawn = &series[skipped..];
    let most = drawn.iter().copied().max().unwrap_or(0).max(1) as f64;
    let slot = SPARK_WIDTH / drawn.len().max(1) as f64;
    let title = format!(
        "{} windows, at most {} documents in one",
        series.len(),
        series.iter().max().copied().unwrap_or(0)
    );
    let mut svg = Svg::new(SPARK_WIDTH, SPARK_HEIGHT, "spark", &title);
    svg.line(
        "axis",
        (0.0, SPARK_HEIGHT - 0.5),
        (SPARK_WIDTH, SPARK_HEIGHT - 0.5),
    );
    // One path for each of the two kinds: many terms with many windows stay small.
    let (mut before, mut after) = (String::new(), String::new());
    for (place, count) in drawn.iter().enumerate().filter(|(_, count)| **count > 0) {
        let height = ((SPARK_HEIGHT - 2.0) * *count as f64 / most).max(1.5);
        let bar = format!(
            "M{} {}v-{}h{}v{}z",
            coordinate(place as f64 * slot),
            coordinate(SPARK_HEIGHT - 1.0),
            coordinate(height),
            coordinate((slot * 0.78).min(8.0)),
            coordinate(height)
        );
        let alarmed = first_alarm.is_some_and(|alarm| place + skipped >= alarm);
        if alarmed { &mut after } else { &mut before }.push_str(&bar);
    }
    svg.path("spark-before", &before);
    svg.path("spark-after", &after);
    svg.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::model::{DistributionBin, TrendPoint};
    use proptest::prelude::*;

    fn point(value: Option<f64>, limit: Option<f64>, alarm: bool) -> TrendPoint {
        TrendPoint {
            window: "2023-01-02T00:00:00Z".into(),
            value,
            limit,
            lower_limit: None,
            baseline: None,
            alarm,
        }
    }

    fn one(points: Vec<TrendPoint>) -> Trend {
        Trend {
            group: "drift".into(),
            name: "title".into(),
            measure: None,
            unit: "bits".into(),
            limit_label: None,
            points,
        }
    }

    #[test]
    fn ticks_are_round_and_enclose_the_values() {
        let ticks = ticks(0.0, 0.043);
        assert_eq!(ticks.len(), 4);
        for (tick, expected) in ticks.iter().zip([0.0, 0.02, 0.04, 0.06]) {
            assert!((tick - expected).abs() < 1e-12, "{tick} is not {expected}");
        }
        assert_eq!(tick_label(0.02, 0.02, "bits"), "0.02");
        assert_eq!(tick_label(0.5, 0.25, "share"), "50%");
    }

    #[test]
    fn an_alarm_is_a_shape_of_its_own() {
        let drawn = trend(&one(vec![point(Some(0.5), Some(0.4), true)]), 100);
        assert_eq!(drawn.matches("class=\"alarm\"").count(), 1);
        assert!(drawn.contains("<title>2023-01-02: 0.500 bits, limit 0.400 bits</title>"));
    }

    #[test]
    fn a_trend_in_a_cell_has_its_line_limit_and_alarms_and_says_the_rest_in_words() {
        let points = vec![
            point(Some(0.1), Some(0.4), false),
            point(Some(0.5), Some(0.4), true),
        ];
        let drawn = small_trend(&one(points), 100);
        for class in ["value", "limit", "alarm"] {
            let wanted = format!("class=\"{class}\"");
            assert_eq!(drawn.matches(&wanted).count(), 1, "{class}: {drawn}");
        }
        assert!(!drawn.contains("<text"), "{drawn}");
        assert!(drawn.contains("1 of 2 windows beyond the limit"), "{drawn}");
    }

    #[test]
    fn a_rule_of_two_sides_has_two_lines_and_tells_the_one_that_is_crossed() {
        let mut low = point(Some(0.1), Some(0.4), true);
        low.lower_limit = Some(0.2);
        let drawn = trend(&one(vec![low]), 100);
        assert_eq!(drawn.matches("class=\"limit\"").count(), 2);
        assert!(drawn.contains("<title>2023-01-02: 0.100 bits, limit 0.200 bits</title>"));
    }

    #[test]
    fn a_gap_in_the_values_is_a_gap_in_the_line() {
        let values = [Some(1.0), Some(2.0), None, Some(3.0), Some(4.0)];
        let drawn = trend(
            &one(values.map(|value| point(value, None, false)).to_vec()),
            100,
        );
        let line = drawn.split("class=\"value\" d=\"").nth(1).unwrap();
        assert_eq!(line.split('"').next().unwrap().matches('M').count(), 2);
    }

    #[test]
    fn markup_in_a_label_stays_text() {
        let drawn = distribution(
            &Distribution {
                column: "<script>".into(),
                window: "w".into(),
                axis: "values".into(),
                bins: vec![DistributionBin {
                    label: "</svg><script>alert(1)</script>".into(),
                    baseline: 0.5,
                    window: f64::NAN,
                }],
            },
            10,
        );
        assert!(!drawn.contains("<script"));
        assert_eq!(drawn.matches("</svg>").count(), 1);
    }

    proptest! {
        #[test]
        fn any_values_draw_finite_coordinates(
            values in prop::collection::vec(
                (prop::option::of(any::<f64>()), prop::option::of(any::<f64>()), any::<bool>()),
                0..40,
            )
        ) {
            let points = values.into_iter().map(|(v, l, a)| point(v, l, a)).collect();
            let drawn = trend(&one(points), 30);
            for path in drawn.split(" d=\"").skip(1) {
                let path = path.split('"').next().unwrap_or_default();
                prop_assert!(!path.contains("NaN") && !path.contains("inf"), "{}", path);
            }
        }
    }
}
