//! Time and memory of this process and of others, as Linux tells them.

use crate::Error;
use serde::Serialize;
use std::{
    path::PathBuf,
    process::{Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// Clock ticks of `/proc` a second: 100 on every Linux that Rust supports.
const TICKS_PER_SECOND: f64 = 100.0;
/// How often a child's peak memory is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What some work took.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Usage {
    /// Seconds by the clock.
    pub wall_s: f64,
    /// Seconds of processor time, of all threads.
    pub cpu_s: f64,
    /// Greatest resident memory of the process so far, in MiB.
    pub peak_mib: f64,
}

/// Does some work and tells what it took.
///
/// # Errors
/// The work's own, and where `/proc` cannot be read.
pub fn measured<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<(T, Usage), Error> {
    let (started, cpu) = (now(), cpu_s(false)?);
    let value = work()?;
    let usage = Usage {
        wall_s: started.elapsed().as_secs_f64(),
        cpu_s: cpu_s(false)? - cpu,
        peak_mib: peak_mib("self")?,
    };
    Ok((value, usage))
}

/// The `driftline` that was built beside this program.
///
/// # Errors
/// Where there is none.
pub fn driftline() -> Result<PathBuf, Error> {
    let binary = std::env::current_exe()?.with_file_name("driftline");
    if !binary.exists() {
        return Err(format!("build {} first", binary.display()).into());
    }
    Ok(binary)
}

/// Runs a command to its end, without its output, and tells what it took.
///
/// # Errors
/// Where it cannot be started, and where `/proc` cannot be read.
pub fn run(command: &mut Command) -> Result<(ExitStatus, Usage), Error> {
    let (started, cpu) = (now(), cpu_s(true)?);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let id = child.id().to_string();
    // The peak only grows, so the last look is short of it by what 5 ms can add.
    let mut peak = 0.0_f64;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        peak = peak.max(peak_mib(&id).unwrap_or(0.0));
        std::thread::sleep(LOOK);
    };
    let usage = Usage {
        wall_s: started.elapsed().as_secs_f64(),
        cpu_s: cpu_s(true)? - cpu,
        peak_mib: peak,
    };
    Ok((status, usage))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a measurement is made by the clock"
)]
fn now() -> Instant {
    Instant::now()
}

/// Processor time of this process, or of its children that have ended.
fn cpu_s(children: bool) -> Result<f64, Error> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The second field, in brackets, may hold spaces; user and system time are the
    // 14th and 15th, those of children follow.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let from = if children { 13 } else { 11 };
    let ticks = fields.split_whitespace().skip(from).take(2);
    let mut sum = 0.0;
    for field in ticks {
        sum += field.parse::<f64>()?;
    }
    Ok(sum / TICKS_PER_SECOND)
}

/// The greatest resident memory of a process so far, in MiB.
///
/// # Errors
/// Where `/proc` does not tell.
pub fn peak_mib(process: &str) -> Result<f64, Error> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|line| line.split_whitespace().next());
    Ok(kib.ok_or("no peak memory in /proc")?.parse::<f64>()? / 1_024.0)
}

/// The machine, the build and the commit that figures are of.
#[derive(Debug, Clone, Serialize)]
pub struct Circumstances {
    /// Processor and number of cores.
    pub machine: String,
    /// `release`, or the name of another profile's folder.
    pub profile: String,
    /// The commit of the source tree.
    pub commit: String,
}

impl Circumstances {
    /// Those of this process.
    pub fn here() -> Self {
        let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpus.lines().find(|line| line.starts_with("model name"));
        let model = model
            .and_then(|line| line.split(": ").nth(1))
            .unwrap_or("unknown");
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let profile = std::env::current_exe().ok();
        let profile = profile.as_deref().and_then(|exe| exe.parent()?.file_name());
        let git = Command::new("git")
            .args(["rev-parse", "--short", "HEAD"])
            .output();
        Self {
            machine: format!("{model}, {cores} cores"),
            profile: profile.map_or("unknown".into(), |p| p.to_string_lossy().into_owned()),
            commit: git.map_or("unknown".into(), |git| {
                String::from_utf8_lossy(&git.stdout).trim().to_owned()
            }),
        }
    }
}

impl std::fmt::Display for Circumstances {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            machine,
            profile,
            commit,
        } = self;
        write!(f, "{machine}; profile {profile}; commit {commit}")
    }
}
