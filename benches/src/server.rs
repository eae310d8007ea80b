//! `driftline serve` as a process of its own, and what it takes.

use crate::{Error, process};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

/// What events are signed with: the value of `HOOK_SECRET` in the environment of a server.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Writes `p.yaml`: a pipeline that passes, because what it compares is the same. `more` is added
/// to it.
///
/// # Errors
/// Where the folder cannot be written.
pub fn write_pipeline(folder: &Path, name: &str, more: &str) -> Result<(), Error> {
    let rows: String = (0..400).map(|row| format!("{}\n", row % 7)).collect();
    for name in ["base.csv", "live.csv"] {
        std::fs::write(folder.join(name), format!("value\n{rows}"))?;
    }
    let sources = "baseline: {source: base.csv}\nlive: {source: live.csv}\n";
    let pipeline = format!("name: {name}\n{sources}{more}");
    Ok(std::fs::write(folder.join("p.yaml"), pipeline)?)
}

/// A server at work; dropped, it is killed.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Host and port.
    pub address: String,
}

impl Server {
    /// Starts it in a folder, on a free port, and waits until it listens. `arguments` name its
    /// pipelines and its store.
    ///
    /// # Errors
    /// Where it cannot be started, or ends at once.
    pub fn start(folder: &Path, arguments: &[&str]) -> Result<Self, Error> {
        let mut child = Command::new(process::driftline()?)
            .current_dir(folder)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .env("HOOK_SECRET", SECRET)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut told = BufReader::new(child.stderr.take().ok_or("it says nothing")?);
        let mut said = String::new();
        let mut line = String::new();
        let address = loop {
            line.clear();
            if told.read_line(&mut line)? == 0 {
                return Err(format!("the server ended: {said}").into());
            }
            if let Some((_, address)) = line.trim_end().split_once("listening on http://") {
                break address.to_owned();
            }
            said += &line;
        };
        // What it says later must not fill the pipe.
        thread::spawn(move || std::io::copy(&mut told, &mut std::io::sink()));
        Ok(Self { child, address })
    }

    /// Resident memory, in MiB.
    ///
    /// # Errors
    /// Where `/proc` does not tell it.
    pub fn memory_mib(&self) -> Result<f64, Error> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.and_then(|text| text.split_whitespace().next());
        Ok(kib.ok_or("no memory is told")?.parse::<f64>()? / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for ended in [self.child.kill(), self.child.wait().map(drop)] {
            if let Err(error) = ended {
                eprintln!("the server cannot be ended: {error}");
            }
        }
    }
}
