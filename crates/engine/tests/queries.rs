//! Preparing rows by SQL, text functions, models, vocabularies, rules and examples.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use datafusion::arrow::{array::AsArray, util::pretty::pretty_format_batches};
use driftline_engine::{
    AdvertRules, Engine, EngineConfig, EngineError, MentionsRequest, Rows, Source, Span, Tz,
    VocabularyRequest, VocabularyTime, Windows,
};
use driftline_scorer::Scorer;
use driftline_vocabulary::BaselineVocabulary;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tempfile::TempDir;

fn engine() -> Engine {
    Engine::new(EngineConfig::default()).unwrap()
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

async fn rows_of(engine: &Engine, text: &str) -> (TempDir, Rows) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("rows.csv");
    std::fs::write(&path, text).unwrap();
    let source = Source::new(path.display().to_string());
    let rows = engine.open(&source).await.unwrap();
    (directory, rows)
}

async fn shown(rows: &Rows) -> String {
    pretty_format_batches(&rows.collect().await.unwrap())
        .unwrap()
        .to_string()
}

/// The first column of the first row.
async fn first(rows: &Rows) -> String {
    let table = shown(rows).await;
    let line = table.lines().nth(3).unwrap_or_default().to_owned();
    line.trim_matches(|c| c == '|' || c == ' ').to_owned()
}

const TITLES: &str = "day,rank,Title\n2022-01-03,1,小明摆烂了\n2022-01-04,2,今天天气\n2022-01-10,1,大家都摆烂\n2022-01-11,3,明天天气\n";

#[tokio::test]
async fn prepare_is_sql_over_the_source_and_keeps_names_as_they_are() {
    let engine = engine();
    let (_directory, rows) = rows_of(&engine, TITLES).await;
    let prepared = rows
        .prepare("SELECT DISTINCT Title AS 标题, rank FROM source WHERE rank < 3")
        .await
        .unwrap();
    assert_eq!(
        prepared
            .columns()
            .iter()
            .map(|c| c.name.as_str())
            .collect::<Vec<_>>(),
        ["标题", "rank"]
    );
    let counted = prepared
        .prepare("SELECT COUNT(*) FROM source")
        .await
        .unwrap();
    assert_eq!(first(&counted).await, "3");
}

#[tokio::test]
async fn mistakes_in_sql_are_placed_and_near_names_listed() {
    let engine = engine();
    let (_directory, rows) = rows_of(&engine, TITLES).await;
    let error = |sql: &str| {
        let (rows, sql) = (rows.clone(), sql.to_owned());
        async move { rows.prepare(&sql).await.unwrap_err() }
    };
    assert_eq!(
        error("SELECT title FROM source").await,
        EngineError::UnknownColumn {
            column: "title".into(),
            near: vec!["Title".into()],
            columns: vec!["day".into(), "rank".into(), "Title".into()],
        }
    );
    let parse = error("SELECT rank\nFROM source WHERE ORDER BY rank")
        .await
        .to_string();
    assert!(parse.starts_with("SQL line 2, column 25: "), "{parse}");
    let function = error("SELECT no_such(rank) FROM source").await;
    assert!(
        matches!(&function, EngineError::Sql { message, .. } if message.contains("no_such")),
        "{function}"
    );
    let table = error("SELECT * FROM elsewhere").await.to_string();
    assert!(table.contains("elsewhere"), "{table}");
    let twice = error("SELECT a.rank, b.rank FROM source a JOIN source b ON a.rank = b.rank").await;
    assert!(
        twice.to_string().contains("two columns are named `rank`"),
        "{twice}"
    );
    for statement in [
        "DROP TABLE source",
        "CREATE TABLE x AS SELECT 1",
        "COPY source TO 'x.csv'",
        "SET a = 1",
    ] {
        assert!(
            matches!(error(statement).await, EngineError::Sql { .. }),
            "{statement}"
        );
    }
    let expression = rows
        .with_columns(&[("x".into(), "rank +".into())])
        .await
        .unwrap_err();
    assert!(
        matches!(expression, EngineError::Sql { .. }),
        "{expression}"
    );
    let runtime = rows
        .prepare("SELECT CAST(Title AS INT) AS n FROM source")
        .await
        .unwrap();
    let runtime = runtime.collect().await.unwrap_err();
    assert!(
        matches!(&runtime, EngineError::Query { reason } if reason.contains("小明摆烂了")),
        "{runtime}"
    );
}

#[tokio::test]
async fn columns_are_added_and_replaced() {
    let engine = engine();
    let (_directory, rows) = rows_of(&engine, TITLES).await;
    let more = rows
        .with_columns(&[
            ("rank".into(), "rank * 10".into()),
            ("length".into(), "character_length(Title)".into()),
        ])
        .await
        .unwrap();
    let names: Vec<String> = more
        .columns()
        .into_iter()
        .map(|column| column.name)
        .collect();
    assert_eq!(names, ["day", "Title", "rank", "length"]);
    let sums = more
        .prepare("SELECT concat(sum(rank), ' ', sum(length)) FROM source")
        .await
        .unwrap();
    assert_eq!(first(&sums).await, "70 18");
}

#[tokio::test]
async fn materialised_rows_are_the_same_and_leave_no_file() {
    let engine = engine();
    let (_directory, rows) = rows_of(&engine, TITLES).await;
    let distinct = rows
        .prepare("SELECT DISTINCT day, Title FROM source")
        .await
        .unwrap();
    let kept = distinct.materialise().await.unwrap();
    assert_eq!(shown(&kept).await, shown(&distinct).await);
    assert_eq!(kept.columns(), distinct.columns());
    let none = rows
        .prepare("SELECT * FROM source WHERE rank > 99")
        .await
        .unwrap();
    assert_eq!(
        none.materialise()
            .await
            .unwrap()
            .collect()
            .await
            .unwrap()
            .len(),
        0
    );
    assert_eq!(none.materialise().await.unwrap().columns(), rows.columns());
}

#[tokio::test]
async fn rows_are_written_as_parquet_whole_or_not_at_all() {
    let engine = engine();
    let (directory, rows) = rows_of(&engine, TITLES).await;
    let path = directory.path().join("out.parquet");
    assert_eq!(rows.write_parquet(&path).await.unwrap(), 4);
    let back = engine
        .open(&Source::new(path.display().to_string()))
        .await
        .unwrap();
    assert_eq!(shown(&back).await, shown(&rows).await);
    let bad = rows
        .prepare("SELECT CAST(Title AS INT) AS n FROM source")
        .await
        .unwrap();
    assert!(
        bad.write_parquet(&directory.path().join("bad.parquet"))
            .await
            .is_err()
    );
    let mut left: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["out.parquet", "rows.csv"]);
    assert!(rows.write_parquet(Path::new("/dev/null")).await.is_ok());
}

#[tokio::test]
async fn times_are_read_from_dates_texts_and_timestamps() {
    let engine = engine();
    let (_directory, rows) = rows_of(&engine, TITLES).await;
    let day = 86_400_000_000_i64;
    let first_day = 18_995 * day;
    assert_eq!(
        rows.time_range("day", Tz::UTC).await.unwrap(),
        Some((first_day, first_day + 8 * day))
    );
    let shanghai = rows
        .time_range("day", Tz::Asia__Shanghai)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(shanghai.0, first_day - 8 * 3_600_000_000);
    let texts = rows
        .prepare("SELECT CAST(day AS VARCHAR) AS day FROM source")
        .await
        .unwrap();
    assert_eq!(
        texts.time_range("day", Tz::UTC).await.unwrap(),
        Some((first_day, first_day + 8 * day))
    );

    let error = rows
        .time_range("Title", Tz::UTC)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("column `Title` is no time: it holds `小明摆烂了`"),
        "{error}"
    );
    let error = rows
        .time_range("rank", Tz::UTC)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("column `rank` is no time: it holds values of type Int64"),
        "{error}"
    );
    let error = rows
        .time_range("Day", Tz::UTC)
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(error, "there is no column `Day`; did you mean `day`?");
}

#[tokio::test]
async fn aggregates_are_numbers_for_each_window() {
    let engine = engine();
    let (_directory, rows) = rows_of(&engine, TITLES).await;
    let expressions = [
        (
            "share".to_owned(),
            "avg(CASE WHEN Title LIKE '%摆烂%' THEN 1.0 ELSE 0.0 END) -- of all".to_owned(),
        ),
        ("ratio".to_owned(), "sum(rank) / count(*)".to_owned()),
        (
            "none".to_owned(),
            "avg(rank) FILTER (WHERE rank > 9)".to_owned(),
        ),
    ];
    let weeks = Windows::new("day", "1w".parse().unwrap());
    let by_week = rows.aggregate(&expressions, Some(&weeks)).await.unwrap();
    assert_eq!(by_week.len(), 2);
    assert_eq!(by_week[0].values, [Some(0.5), Some(1.0), None]);
    assert_eq!(by_week[1].values, [Some(0.5), Some(2.0), None]);
    assert!(by_week[0].span < by_week[1].span);
    let all = rows.aggregate(&expressions, None).await.unwrap();
    assert_eq!(
        (all.len(), all[0].span, all[0].values[0]),
        (1, None, Some(0.5))
    );

    let wrong = [("x".to_owned(), "avg(Titel)".to_owned())];
    let error = rows
        .aggregate(&wrong, Some(&weeks))
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(error, "there is no column `Titel`; did you mean `Title`?");
    for broken in ["avg(rank", "1) FROM source --", "rank"] {
        let broken = [("x".to_owned(), broken.to_owned())];
        let error = rows.aggregate(&broken, Some(&weeks)).await.unwrap_err();
        assert!(
            matches!(
                error,
                EngineError::Sql { .. } | EngineError::UnknownColumn { .. }
            ),
            "{error}"
        );
    }
}

#[tokio::test]
async fn adverts_are_told_from_news_about_trade() {
    let engine = engine();
    let rules = AdvertRules::shipped();
    for advert in [
        "兼职日结，在家轻松赚钱，一天200",
        "加微信 abc12345 领取资料",
        "需要的加V信：shop_888",
        "ＶＸ：ａｂｃ１２３４５６ 一手货源",
        "咨询电话13812345678，支持批发",
        "戳链接领优惠券 https://t.cn/abc",
        "私信领取全套学习资料",
        "高仿包包代购，支持退换，微信下单",
        "点击下方链接免费领红包",
        "复制这段话￥abcd￥打开淘宝",
        "券后 19.9 元包邮",
        "不看征信，秒下款，额度最高20万",
        "扫下方二维码进群免费领",
    ] {
        assert!(rules.matching(advert).is_some(), "{advert}");
    }
    for news in [
        "微信状态可以加音乐了",
        "多地发放消费券",
        "加微信好友被骗2万元",
        "女子做兼职刷单被骗",
        "小米13价格",
        "代购被判刑3年",
        "淘宝双11预售开始",
        "你会点击陌生链接吗",
        "优惠券为什么越来越复杂",
        "大学生兼职被拖欠工资",
        "今天吃什么",
        "110接到一个13秒的电话",
        "QQ秀回来了",
    ] {
        assert_eq!(rules.matching(news), None, "{news}");
    }
    let (_directory, rows) = rows_of(&engine, "text\n加微信 abc12345 领取资料\n今天天气\n").await;
    let kept = rows
        .prepare("SELECT text FROM source WHERE NOT is_advert(text)")
        .await
        .unwrap();
    assert_eq!(first(&kept).await, "今天天气");
}

#[tokio::test]
async fn headlines_are_almost_never_taken_for_adverts() {
    let path = repository("fixtures/weibo");
    let rows = engine()
        .open(&Source::new(path.display().to_string()))
        .await
        .unwrap();
    let found = rows
        .prepare("SELECT DISTINCT text FROM source WHERE is_advert(text)")
        .await
        .unwrap();
    // Of 267,676 headlines.
    let adverts = found.collect().await.unwrap();
    let count: usize = adverts.iter().map(|batch| batch.num_rows()).sum();
    assert_eq!(count, 0, "{}", pretty_format_batches(&adverts).unwrap());
}

#[tokio::test]
async fn advert_rules_are_replaceable_and_mistakes_in_them_are_placed() {
    let rules = AdvertRules::parse("mine.txt", "# ours\nsale: 大甩卖 && \\d+元\n").unwrap();
    assert_eq!(rules.matching("大甩卖，只要10元"), Some("sale"));
    assert_eq!(rules.matching("大甩卖"), None);
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("rules.txt");
    std::fs::write(&file, "good: a\nbad: (\n").unwrap();
    let config = |file: PathBuf| EngineConfig {
        advert_rules: Some(file),
        ..EngineConfig::default()
    };
    let error = Engine::new(config(file)).unwrap_err().to_string();
    assert!(
        error.contains("rules.txt` line 2: `(` is no regular expression"),
        "{error}"
    );
    assert!(AdvertRules::parse("x", "no colon").is_err());
    assert!(AdvertRules::parse("x", "# nothing\n").is_err());
    let gone = Engine::new(config("gone.txt".into())).unwrap_err();
    assert_eq!(
        gone,
        EngineError::Missing {
            file: "gone.txt".into()
        }
    );
}

#[tokio::test]
async fn text_functions_work_in_sql() {
    let engine = engine();
    let (_directory, rows) = rows_of(
        &engine,
        "text\n\"＠小明 哈哈哈哈！ https://a.cn/x #遊戲#\"\n",
    )
    .await;
    let normal = rows
        .prepare("SELECT normalize_text(text) FROM source")
        .await
        .unwrap();
    assert_eq!(first(&normal).await, "哈哈! 游戏");
    for (text, words) in [
        ("冬奥会开幕式今晚在北京举行", ["开幕式", "冬奥会"]),
        ("我们的教育部门回应教师减负问题", ["减负", "教育"]),
    ] {
        let keywords = rows
            .prepare(&format!("SELECT keywords('{text}', 3) AS k FROM source"))
            .await
            .unwrap();
        let found = first(&keywords).await;
        assert!(words.iter().any(|word| found.contains(word)), "{found}");
        for stop in ["我们", "的", "在"] {
            assert!(!found.contains(stop), "{found}");
        }
    }
    let nulls = rows.prepare("SELECT normalize_text(NULL) IS NULL AND is_advert(NULL) IS NULL AND keywords(NULL, 2) IS NULL FROM source").await.unwrap();
    assert_eq!(first(&nulls).await, "true");
    let none = rows.prepare("SELECT keywords(text, 0) FROM source").await;
    let error = match none {
        Err(error) => error,
        Ok(rows) => rows.collect().await.unwrap_err(),
    };
    assert!(
        error
            .to_string()
            .contains("k must be a number from 1 to 100"),
        "{error}"
    );
}

#[tokio::test]
async fn a_score_is_a_column_and_does_not_depend_on_neighbours() {
    let engine = engine();
    let scorer = Scorer::load(&repository("fixtures/models/sentiment")).unwrap();
    let text = "这家店很好吃，下次还来";
    let expected = scorer.score([Some(text)]).unwrap()[0].unwrap();
    engine.add_scorer("sentiment", scorer);
    let csv = format!("id,text\n1,{text}\n2,太差了\n3,\n4,{text}\n");
    let (_directory, rows) = rows_of(&engine, &csv).await;
    let scored = rows
        .with_columns(&[
            ("label".into(), "score('sentiment', text)['label']".into()),
            (
                "confidence".into(),
                "score('sentiment', text)['confidence']".into(),
            ),
        ])
        .await
        .unwrap();
    let batches = scored.collect().await.unwrap();
    let confidence = batches[0]
        .column(3)
        .as_primitive::<datafusion::arrow::datatypes::Float64Type>();
    assert_eq!(
        confidence.value(0).to_bits(),
        f64::from(expected.confidence).to_bits()
    );
    assert_eq!(confidence.value(0).to_bits(), confidence.value(3).to_bits());
    assert_eq!(
        confidence.iter().filter(Option::is_some).count(),
        3,
        "an empty cell has no score"
    );
    let unknown = rows
        .with_columns(&[("x".into(), "score('sentimant', text)".into())])
        .await;
    let error = unknown.err().unwrap().to_string();
    assert!(
        error.contains("there is no model `sentimant`; did you mean `sentiment`?"),
        "{error}"
    );
}

#[tokio::test]
async fn vocabularies_are_counted_by_window_and_judge_new_text() {
    let engine = engine();
    let (_directory, rows) = rows_of(&engine, TITLES).await;
    let weeks = Windows::new("day", "1w".parse().unwrap());
    let mut request = VocabularyRequest {
        text: "Title".into(),
        author: None,
        baseline: false,
        over: VocabularyTime::Windows {
            windows: weeks,
            folds: 7,
        },
    };
    let tables = rows.vocabulary(&request).await.unwrap();
    assert_eq!(tables.len(), 2);
    let first_week = &tables[0].1;
    assert_eq!(first_week.documents(), 2);
    let weather = first_week.find("天气").unwrap();
    assert_eq!((weather.count(), weather.documents()), (1, 1));
    assert_eq!(
        first_week.fold_units()[..3],
        [5, 4, 0],
        "Monday and Tuesday"
    );

    let (start_us, end_us) = rows.time_range("day", Tz::UTC).await.unwrap().unwrap();
    request.baseline = true;
    request.over = VocabularyTime::Span {
        column: "day".into(),
        time_zone: Tz::UTC,
        span: Span {
            start_us,
            end_us: end_us + 1,
        },
        folds: 16,
    };
    let tables = rows.vocabulary(&request).await.unwrap();
    assert_eq!(
        (tables.len(), tables[0].0, tables[0].1.documents()),
        (1, None, 4)
    );
    engine.add_vocabulary(
        "baseline",
        Arc::new(BaselineVocabulary::freeze(&tables[0].1)),
    );
    let (_other, live) = rows_of(&engine, "text\n大家天气\n破防\n!!\n").await;
    let judged = live
        .prepare("SELECT out_of_vocabulary('baseline', text) AS share FROM source")
        .await
        .unwrap();
    let batches = judged.collect().await.unwrap();
    let shares = batches[0]
        .column(0)
        .as_primitive::<datafusion::arrow::datatypes::Float64Type>();
    let shares: Vec<Option<f64>> = shares.iter().collect();
    // 大家 is known to the second half, 天气 to both, 家天 to neither.
    assert_eq!(shares, [Some(0.5), Some(1.0), None]);
    request.over = VocabularyTime::Unknown;
    assert_eq!(rows.vocabulary(&request).await.unwrap()[0].1.units(), 18);
}

#[tokio::test]
async fn examples_are_masked_chosen_by_their_text_and_from_the_window_asked_for() {
    let engine = engine();
    let csv = "day,text\n2022-01-03,摆爛了 @小明\n2022-01-04,又摆烂 https://t.cn/x\n2022-01-04,不摆烂\n2022-02-01,后来摆烂\n2022-01-04,不摆烂\n";
    let (_directory, rows) = rows_of(&engine, csv).await;
    let span = Span {
        start_us: 18_995 * 86_400_000_000,
        end_us: 19_002 * 86_400_000_000,
    };
    let week = rows.within("day", Tz::UTC, span).unwrap();
    let terms = ["摆烂".to_owned(), "破防".to_owned()];
    let request = |examples| MentionsRequest {
        text: "text",
        author: None,
        time: Some(("day", Tz::UTC)),
        terms: &terms,
        examples,
    };
    let found = week.mentions(&request(5)).await.unwrap();
    assert_eq!(found.len(), 1);
    let mut examples = found["摆烂"].examples.clone();
    examples.sort();
    assert_eq!(examples, ["不摆烂", "又摆烂 [link]", "摆爛了 @…"]);
    // Four texts are too few to say where they come from.
    assert_eq!(found["摆烂"].mentions.origin(None), None);
    let two = week.mentions(&request(2)).await.unwrap();
    let backwards = rows
        .prepare("SELECT * FROM source ORDER BY text DESC")
        .await
        .unwrap();
    let again = backwards
        .within("day", Tz::UTC, span)
        .unwrap()
        .mentions(&request(2))
        .await
        .unwrap();
    assert_eq!(two["摆烂"].examples, again["摆烂"].examples);
    assert_eq!(two["摆烂"].examples.len(), 2);
}

#[tokio::test]
async fn the_first_rows_are_the_first_of_the_file() {
    let engine = engine();
    let text: String = (0..30_000).map(|row| format!("{row}\n")).collect();
    let (_directory, rows) = rows_of(&engine, &format!("n\n{text}")).await;
    let head = rows.head(3).await.unwrap();
    let numbers = head[0]
        .column(0)
        .as_primitive::<datafusion::arrow::datatypes::Int64Type>();
    assert_eq!(numbers.values()[..], [0, 1, 2]);
}
