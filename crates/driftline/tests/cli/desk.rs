//! A folder to work in, small made-up data, and a way to start the binary there.

use chrono::{Days, NaiveDate};
use serde_json::Value;
use std::{
    fmt::Write,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A temporary folder that the binary runs in; `temporary` in it is the binary's `TMPDIR`.
pub(crate) struct Desk {
    folder: TempDir,
}

/// How a command ended.
pub(crate) struct Ended {
    /// The exit code; `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Ended {
    /// Whether standard error says this, however its lines are broken.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Self {
        assert!(
            squeezed(&self.err).contains(&squeezed(text)),
            "does not say `{text}`:\n{}",
            self.err
        );
        self
    }

    /// Ends with this code and without a panic.
    #[track_caller]
    pub(crate) fn ends_with(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

/// Text without white space and without the bar that wrapped errors are drawn with.
fn squeezed(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && *c != '│')
        .collect()
}

impl Desk {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("temporary")).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }

    /// The binary with arguments, ready to start.
    pub(crate) fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_driftline"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("TMPDIR", self.path("temporary"))
            .env_remove("DRIFTLINE_STORE")
            .env_remove("DRIFTLINE_LOG")
            .env_remove("CANDIDATE");
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn driftline(&self, arguments: &[&str]) -> Ended {
        self.driftline_with(arguments, &[], "")
    }

    /// Runs the binary to its end, with an environment and standard input.
    pub(crate) fn driftline_with(
        &self,
        arguments: &[&str],
        environment: &[(&str, &str)],
        input: impl Into<Vec<u8>>,
    ) -> Ended {
        let mut command = assert_cmd::Command::from_std(self.command(arguments));
        let output = command
            .envs(environment.iter().copied())
            .write_stdin(input)
            .timeout(Duration::from_secs(300))
            .output()
            .unwrap();
        Ended {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Starts the binary and leaves it running, with its pipes open.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        self.start_with(arguments, &[])
    }

    /// As [`start`](Self::start), with an environment.
    pub(crate) fn start_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Running {
        let mut command = self.command(arguments);
        let child = command
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Running(child)
    }

    /// Writes a pipeline `p.yaml` that compares two files day by day.
    pub(crate) fn pipeline(&self, baseline: &str, live: &str, more: &str) {
        self.write(
            "p.yaml",
            format!(
                "name: shop\nbaseline: {{source: {baseline}}}\nlive: {{source: {live}}}\n\
                 time: {{column: day, window: 1d, block: 1d}}\n{more}"
            ),
        );
    }

    /// Runs `p.yaml` into `out`, with the store `s.db`.
    pub(crate) fn run(&self, more: &[&str]) -> Ended {
        let fixed = ["run", "p.yaml", "--out", "out", "--store", "sqlite://s.db"];
        self.driftline(&[&fixed, more].concat())
    }

    /// Asserts that a run left neither its output folder nor a part of one.
    #[track_caller]
    pub(crate) fn has_no_output(&self) {
        assert!(!self.path("out").exists(), "there is an output folder");
        self.has_no_parts();
    }

    /// Asserts that nothing half-written is left, here or in the folder for temporary files.
    #[track_caller]
    pub(crate) fn has_no_parts(&self) {
        let hidden = |name: &String| name.starts_with('.');
        let here: Vec<String> = names(self.folder.path())
            .into_iter()
            .filter(hidden)
            .collect();
        assert!(here.is_empty(), "left behind: {here:?}");
        let temporary = names(&self.path("temporary"));
        assert!(temporary.is_empty(), "left behind: {temporary:?}");
    }
}

/// Names of what is in a folder, in order.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A process that is ended with the test.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        let sent = std::process::Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits for the end and gives the exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        let mut ended = None;
        until("the process ends", || {
            ended = self.0.try_wait().unwrap();
            ended.is_some()
        });
        ended.and_then(|status| status.code())
    }

    /// What it wrote to standard error and nobody read yet. Only of one that ended.
    pub(crate) fn told(&mut self) -> String {
        std::io::read_to_string(self.0.stderr.as_mut().unwrap()).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Looks again and again until something is so; a minute is far more than it takes.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "waited for: {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}

/// A shop's sales: a day, an amount around a mean, and a colour, 40 rows a day.
pub(crate) struct Shop {
    pub(crate) from: &'static str,
    pub(crate) days: u64,
    pub(crate) seed: u64,
    pub(crate) mean: f64,
    pub(crate) colours: &'static [&'static str],
}

const ROWS_A_DAY: u32 = 40;

/// Eight weeks of training data.
pub(crate) const TRAINING: Shop = Shop {
    from: "2024-01-01",
    days: 56,
    seed: 1,
    mean: 100.0,
    colours: &["red", "green", "blue"],
};
/// A week that is like the training data.
pub(crate) const SAME: Shop = Shop {
    from: "2024-03-04",
    days: 7,
    seed: 2,
    ..TRAINING
};
/// A week with other amounts.
pub(crate) const DEARER: Shop = Shop {
    seed: 3,
    mean: 150.0,
    ..SAME
};
/// A week with a colour that the training data does not have.
pub(crate) const PURPLE: Shop = Shop {
    seed: 4,
    colours: &["red", "purple", "blue"],
    ..SAME
};

impl Shop {
    /// The rows as CSV.
    pub(crate) fn csv(&self) -> String {
        let mut text = "day,amount,colour\n".to_owned();
        for (day, amount, colour) in self.rows() {
            writeln!(text, "{day},{amount:.2},{colour}").unwrap();
        }
        text
    }

    /// The rows as JSON Lines.
    pub(crate) fn json_lines(&self) -> String {
        let mut text = String::new();
        for (day, amount, colour) in self.rows() {
            writeln!(
                text,
                r#"{{"day":"{day}","amount":{amount:.2},"colour":"{colour}"}}"#
            )
            .unwrap();
        }
        text
    }

    fn rows(&self) -> impl Iterator<Item = (NaiveDate, f64, &'static str)> {
        let from: NaiveDate = self.from.parse().unwrap();
        let (mean, colours) = (self.mean, self.colours);
        let mut chance = Chance(self.seed);
        (0..self.days)
            .flat_map(|day| std::iter::repeat_n(day, ROWS_A_DAY as usize))
            .map(move |day| {
                // Twelve uniform numbers add up to a nearly normal one of variance 1.
                let normal: f64 = (0..12).map(|_| chance.next()).sum::<f64>() - 6.0;
                let colour = (chance.next() * colours.len() as f64) as usize;
                (from + Days::new(day), mean + 10.0 * normal, colours[colour])
            })
    }
}

/// Numbers in `[0, 1)` by SplitMix64, the same on every machine.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
