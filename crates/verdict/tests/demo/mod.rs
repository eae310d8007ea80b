//! A made-up but lifelike run: a year of weekly windows in which new words spread, the text
//! drifts away from the baseline in autumn and one week's data is broken.
//!
//! Everything is computed from a fixed seed, so that every test sees the same report.

use driftline_verdict::report::model::{
    BaselineSummary, Distribution, DistributionBin, ModelSummary, Report, TermRow, Trend,
    TrendPoint,
};
use driftline_verdict::{
    ActionKind, ActionPolicy, Evidence, Finding, FindingKind, NotEvaluated, Run, Severity,
    TermClass, TermTier, Window, decide_actions, run_verdict, window_verdict,
};

/// A linear congruential generator (Knuth, MMIX): enough for made-up noise.
struct Noise(u64);

impl Noise {
    /// The next number in `[0, 1)`.
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// About normal, mean 0, standard deviation 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

/// Start of the week so many weeks after 2 January 2023, as RFC 3339.
pub(crate) fn week(number: usize) -> String {
    let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let (mut day, mut month, mut year) = (2 + 7 * number, 0, 2023);
    while day > lengths[month] {
        day -= lengths[month];
        month += 1;
        if month == 12 {
            (month, year) = (0, year + 1);
        }
    }
    format!("{year}-{:02}-{day:02}T00:00:00Z", month + 1)
}

/// A term, the week it begins, its documents a week, an example.
type MadeUp = (&'static str, usize, f64, &'static str);

const COINAGES: [MadeUp; 16] = [
    ("显眼包", 20, 9.0, "萌宠界的显眼包又来了"),
    ("特种兵式旅游", 12, 14.0, "大学生特种兵式旅游打卡N城"),
    ("淄博烧烤", 9, 26.0, "坐高铁去吃淄博烧烤"),
    ("脆皮大学生", 36, 11.0, "脆皮大学生的一周"),
    ("多巴胺穿搭", 22, 8.0, "今年夏天流行多巴胺穿搭"),
    ("村超", 24, 15.0, "村超总决赛门票"),
    ("命运的齿轮", 30, 7.0, "命运的齿轮开始转动"),
    ("质疑理解成为", 27, 4.0, "质疑她理解她成为她"),
    ("遥遥领先", 35, 17.0, "发布会弹幕刷屏遥遥领先"),
    ("城市漫步", 26, 6.0, "周末城市漫步路线"),
    ("泼天的富贵", 44, 8.0, "泼天的富贵轮到谁了"),
    ("尔滨", 50, 30.0, "尔滨你让我感到陌生"),
    ("搭子", 15, 12.0, "找个饭搭子"),
    ("情绪价值", 18, 7.0, "能提供情绪价值的朋友"),
    ("班味", 46, 5.0, "怎么洗掉身上的班味"),
    ("公主请上车", 33, 4.0, "公主请上车是什么梗"),
];
const ENTITIES: [MadeUp; 8] = [
    ("满江红", 2, 22.0, "满江红票房破N亿"),
    ("苏超杰", 14, 6.0, "苏超杰夺冠"),
    ("消失的她", 24, 24.0, "消失的她 结局"),
    ("杭州亚运会", 37, 40.0, "杭州亚运会开幕式"),
    ("孤注一掷", 31, 25.0, "孤注一掷路演"),
    ("长月烬明", 14, 18.0, "长月烬明大结局"),
    ("狂飙", 2, 31.0, "狂飙 高启强"),
    ("su7", 51, 12.0, "小米su7发布"),
];
const SURGES: [MadeUp; 6] = [
    ("退钱", 21, 14.0, "现场观众高喊退钱"),
    ("台风", 29, 33.0, "台风路径实时更新"),
    ("甲流", 8, 19.0, "甲流和普通感冒怎么区分"),
    ("支原体", 41, 22.0, "支原体肺炎高发"),
    ("优惠", 44, 9.0, "双十一优惠怎么算"),
    ("雪糕", 27, 6.0, "雪糕又贵了"),
];

fn series(noise: &mut Noise, onset: usize, height: f64, fades: bool, weeks: usize) -> Vec<u64> {
    (0..weeks)
        .map(|week| {
            if week < onset {
                return u64::from(noise.next() < 0.03);
            }
            let age = (week - onset) as f64;
            let shape = if fades {
                (1.0 + age) * (-age / 3.0).exp()
            } else {
                1.0 - 0.7 * (-age / 4.0).exp()
            };
            (height * shape * (0.6 + 0.8 * noise.next())).round() as u64
        })
        .collect()
}

fn terms(noise: &mut Noise, weeks: usize) -> Vec<TermRow> {
    let groups: [(TermClass, &[MadeUp]); 3] = [
        (TermClass::Coinage, &COINAGES),
        (TermClass::Entity, &ENTITIES),
        (TermClass::Surge, &SURGES),
    ];
    let mut rows = Vec::new();
    for (class, terms) in groups {
        for (term, onset, height, example) in terms.iter().filter(|term| term.1 < weeks) {
            let fades = class != TermClass::Coinage;
            let series = series(noise, *onset, *height, fades, weeks);
            let alarm = (onset + 1).min(weeks - 1);
            let baseline_count = if class == TermClass::Surge {
                120 + (noise.next() * 300.0) as u64
            } else {
                (noise.next() * 3.0) as u64
            };
            rows.push(TermRow {
                term: (*term).to_owned(),
                class,
                tier: if *onset + 5 < weeks && !fades {
                    TermTier::Confirmed
                } else {
                    TermTier::Alarm
                },
                first_seen: week(*onset),
                first_alarm: week(alarm),
                count: series.iter().sum(),
                baseline_count,
                score: 8.0 + height * (1.0 + noise.next()),
                series,
                origin: None,
                examples: vec![(*example).to_owned(), format!("@用户 {example} 链接")],
            });
        }
    }
    rows
}

/// Values of one drift measure with its limit; those after `onset` rise.
fn drift_trend(
    noise: &mut Noise,
    (name, measure, unit): (&str, &str, &str),
    (level, limit, rise): (f64, f64, f64),
    onset: usize,
    weeks: usize,
) -> Trend {
    let points = (0..weeks)
        .map(|number| {
            let age = (number as f64 - onset as f64).max(0.0);
            let value = level * (1.0 + 0.13 * noise.normal()) + rise * (1.0 - (-age / 6.0).exp());
            // Fewer rows over New Year and in the October week: the limit is wider there.
            let limit = limit
                * if matches!(number, 2..=3 | 39) {
                    1.25
                } else {
                    1.0
                };
            let missing = number == 17;
            TrendPoint {
                window: week(number),
                value: (!missing).then_some(value),
                limit: Some(limit),
                lower_limit: None,
                baseline: None,
                alarm: !missing && value > limit,
            }
        })
        .collect();
    Trend {
        group: "drift".into(),
        name: name.into(),
        measure: Some(measure.into()),
        unit: unit.into(),
        limit_label: Some("1 false alarm in 100 windows".into()),
        points,
    }
}

fn rate_trend(
    noise: &mut Noise,
    group: &str,
    name: &str,
    unit: &str,
    (level, spread, slope): (f64, f64, f64),
    limit: Option<f64>,
    weeks: usize,
) -> Trend {
    let points = (0..weeks)
        .map(|number| {
            let value = level + spread * noise.normal() + slope * number as f64 / weeks as f64;
            TrendPoint {
                window: week(number),
                value: (number != 17).then_some(value),
                limit,
                lower_limit: None,
                baseline: Some(level),
                alarm: number != 17 && limit.is_some_and(|limit| value > limit),
            }
        })
        .collect();
    Trend {
        group: group.into(),
        name: name.into(),
        measure: None,
        unit: unit.into(),
        limit_label: limit.map(|_| "configured limit".into()),
        points,
    }
}

fn finding_of(trend: &Trend, point: &TrendPoint, rows: u64) -> Option<Finding> {
    let (value, limit) = (point.value?, point.limit?);
    if !point.alarm {
        return None;
    }
    let measure = trend.measure.clone().unwrap_or_default();
    let severe = value > limit * 1.1;
    Some(Finding {
        column: Some(trend.name.clone()),
        measure: Some(measure.clone()),
        value: Some(value),
        threshold: Some(limit),
        unit: Some(trend.unit.clone()),
        p_value: Some(if severe { 0.0002 } else { 0.004 }),
        effect: Some(value - limit * 0.7),
        effect_lower: Some((value - limit * 0.7) * 0.8),
        min_effect: Some(limit * 0.3),
        baseline_rows: Some(88_912),
        window_rows: Some(rows),
        evidence: COINAGES
            .iter()
            .take(6)
            .enumerate()
            .map(|(place, (term, ..))| Evidence {
                label: (*term).to_owned(),
                baseline: 0.000_01,
                window: 0.006 / (place + 1) as f64,
                contribution: value * 0.1 / (place + 1) as f64,
            })
            .collect(),
        action: severe.then_some(ActionKind::Retrain),
        ..Finding::new(
            FindingKind::Drift,
            if severe {
                Severity::Error
            } else {
                Severity::Warning
            },
            format!(
                "`{}`: {} is beyond what 99 of 100 stationary weeks show",
                trend.name,
                measure.replace('_', " ")
            ),
        )
    })
}

/// The report over so many weeks.
pub(crate) fn report(weeks: usize) -> Report {
    let mut noise = Noise(20_230_102);
    let terms = terms(&mut noise, weeks);
    let drifts = vec![
        drift_trend(
            &mut noise,
            ("title", "out_of_vocabulary", "share"),
            (0.021, 0.032, 0.019),
            30,
            weeks,
        ),
        drift_trend(
            &mut noise,
            ("title", "top_terms_g", ""),
            (1.9, 2.9, 0.9),
            34,
            weeks,
        ),
        drift_trend(
            &mut noise,
            ("title", "jensen_shannon", "bits"),
            (0.104, 0.171, 0.02),
            30,
            weeks,
        ),
        drift_trend(
            &mut noise,
            ("title.characters", "wasserstein", "characters"),
            (0.31, 0.62, 0.12),
            20,
            weeks,
        ),
        drift_trend(
            &mut noise,
            ("sentiment.confidence", "kolmogorov_smirnov", ""),
            (0.028, 0.055, 0.018),
            40,
            weeks,
        ),
    ];
    let mut trends = drifts.clone();
    trends.push(rate_trend(
        &mut noise,
        "rule",
        "negative share",
        "share",
        (0.31, 0.013, 0.05),
        Some(0.4),
        weeks,
    ));
    trends.push(rate_trend(
        &mut noise,
        "keyword",
        "退钱",
        "share",
        (0.002, 0.0007, 0.004),
        Some(0.0065),
        weeks,
    ));
    trends.push(rate_trend(
        &mut noise,
        "confidence",
        "positive rate",
        "share",
        (0.58, 0.012, -0.05),
        None,
        weeks,
    ));
    trends.push(rate_trend(
        &mut noise,
        "confidence",
        "mean confidence",
        "share",
        (0.86, 0.006, -0.03),
        None,
        weeks,
    ));
    let windows: Vec<Window> = (0..weeks)
        .map(|number| window(number, &drifts, &terms, &mut noise))
        .collect();
    let actions = decide_actions(&windows, &ActionPolicy::default());
    Report {
        run: Run {
            format_version: Run::FORMAT_VERSION,
            verdict: run_verdict(&windows),
            pipeline: "quickstart".into(),
            run_id: "01890a5d-ac96-774b-bcce-b302099a8057".into(),
            created_at: "2024-01-01T06:00:00Z".into(),
            baseline_id: "sha256:5f3c1c0e9b".into(),
            windows,
            actions,
            notes: vec![
                "Headlines are outside the domain of the sentiment model, which learnt from product reviews: read its confidence as a signal of change, not as quality.".into(),
                "Advertisements (2.1 % of the rows) and repeated titles (8.4 %) were left out before profiling.".into(),
            ],
        },
        baseline: BaselineSummary {
            source: "Weibo hot-search titles of 2022".into(),
            start: Some("2022-01-01T00:00:00Z".into()),
            end: Some("2023-01-01T00:00:00Z".into()),
            rows: 88_912,
            blocks: 365,
            calibration: "A stationary window of 2,300 titles goes beyond any of the limits in 1 of 100 weeks.".into(),
        },
        trends,
        distributions: distributions(&mut noise),
        terms,
        models: vec![ModelSummary {
            name: "sentiment 1".into(),
            domain: "Product and hotel reviews; headlines are outside its domain".into(),
            scored: "104,211 of 104,211 distinct titles".into(),
            accuracy: "0.871 on held-out reviews, 0.742 on Weibo posts".into(),
        }],
    }
}

fn window(number: usize, drifts: &[Trend], terms: &[TermRow], noise: &mut Noise) -> Window {
    let rows = if number == 17 {
        0
    } else {
        (1_980.0 + 90.0 * noise.normal()) as u64
    };
    let mut findings = Vec::new();
    if number == 11 {
        findings.push(Finding {
            column: Some("rank".into()),
            measure: Some("UNEXPECTED_DATA_TYPE".into()),
            action: Some(ActionKind::Notify),
            ..Finding::new(
                FindingKind::Anomaly,
                Severity::Error,
                "column `rank` is text in 412 rows, the schema says integer",
            )
        });
    }
    findings.extend(
        drifts
            .iter()
            .filter_map(|trend| finding_of(trend, &trend.points[number], rows)),
    );
    for term in terms
        .iter()
        .filter(|term| term.first_alarm == week(number) && rows > 0)
    {
        findings.push(Finding {
            column: Some("title".into()),
            term: Some(term.term.clone()),
            class: Some(term.class),
            tier: Some(TermTier::Alarm),
            first_seen: Some(term.first_seen.clone()),
            count: Some(term.series[number]),
            examples: term.examples.clone(),
            action: Some(ActionKind::Notify),
            ..Finding::new(
                FindingKind::Term,
                Severity::Info,
                format!("new term {}", term.term),
            )
        });
    }
    let mut not_evaluated = vec![NotEvaluated {
        check: "author_region (kolmogorov_smirnov)".into(),
        reason: "under-powered: 38 rows, at least 300 are needed to see the least effect".into(),
        required: false,
    }];
    if number == 17 {
        not_evaluated = vec![NotEvaluated {
            check: "row count".into(),
            reason: "the source has no rows for this week".into(),
            required: true,
        }];
    }
    Window {
        start: Some(week(number)),
        end: Some(week(number + 1)),
        rows,
        verdict: window_verdict(rows, &findings, &not_evaluated),
        findings,
        not_evaluated,
    }
}

fn distributions(noise: &mut Noise) -> Vec<Distribution> {
    let newest = week(51);
    let bell = |at: f64, middle: f64, width: f64| (-((at - middle) / width).powi(2)).exp();
    let lengths: Vec<(String, f64, f64)> = (2..=24)
        .map(|length| {
            let at = f64::from(length);
            (length.to_string(), bell(at, 11.0, 5.0), bell(at, 12.5, 5.4))
        })
        .collect();
    let confidence: Vec<(String, f64, f64)> = (0..10)
        .map(|bin| {
            let at = f64::from(bin) / 10.0 + 0.05;
            (
                format!("{:.1}", at - 0.05),
                0.05 + at.powi(5),
                0.08 + 0.85 * at.powi(4) + 0.01 * noise.next(),
            )
        })
        .collect();
    let categories: Vec<(String, f64, f64)> = [
        ("社会", 31.0, 28.0),
        ("娱乐", 27.0, 22.0),
        ("体育", 12.0, 9.0),
        ("科技数码", 8.0, 14.0),
        ("旅游与美食", 6.0, 13.0),
        ("缺失", 3.0, 3.2),
        ("其他", 13.0, 10.8),
    ]
    .map(|(label, baseline, window)| (label.to_owned(), baseline, window))
    .to_vec();
    [
        ("title.characters", "length in characters", lengths),
        ("sentiment.confidence", "confidence", confidence),
        ("category", "values", categories),
    ]
    .into_iter()
    .map(|(column, axis, bins)| {
        let sum = |side: fn(&(String, f64, f64)) -> f64| bins.iter().map(side).sum::<f64>();
        let (baseline, window) = (sum(|bin| bin.1), sum(|bin| bin.2));
        Distribution {
            column: column.into(),
            window: newest.clone(),
            axis: axis.into(),
            bins: bins
                .iter()
                .map(|bin| DistributionBin {
                    label: bin.0.clone(),
                    baseline: bin.1 / baseline,
                    window: bin.2 / window,
                })
                .collect(),
        }
    })
    .collect()
}
