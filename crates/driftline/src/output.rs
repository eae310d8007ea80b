//! Where results go: standard output, or a file that appears whole or not at all.

use crate::command::CommandError;
use chrono::{DateTime, SecondsFormat, Utc};
use driftline_engine::Output;
use driftline_pipeline::{PipelineError, single::WriteError};
use driftline_verdict::report::{misleads, visible};
use std::{
    io::{BufWriter, IsTerminal, Write},
    path::Path,
};

/// Prints a result, or writes it to a file.
pub(crate) fn put(text: &str, file: Option<&Path>) -> Result<(), CommandError> {
    if file.is_some() || text.ends_with('\n') {
        return put_bytes(text.as_bytes(), file);
    }
    put_bytes(format!("{text}\n").as_bytes(), file)
}

/// Prints a result that need not be text, or writes it to a file.
pub(crate) fn put_bytes(bytes: &[u8], file: Option<&Path>) -> Result<(), CommandError> {
    put_with(file, |out| Ok(out.write_all(bytes)?))
}

/// Prints a result while it is made, or writes it to a file: it need not fit memory.
pub(crate) fn put_with(
    file: Option<&Path>,
    write: impl FnOnce(&mut dyn Write) -> Result<(), WriteError>,
) -> Result<(), CommandError> {
    let Some(path) = file else {
        let mut out = BufWriter::new(std::io::stdout().lock());
        let put = write(&mut out).and_then(|()| Ok(out.flush()?));
        return match put {
            // A reader that closed the pipe has seen enough.
            Err(WriteError::Written(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                Ok(())
            }
            put => put.map_err(|error| refused(error, "standard output".into())),
        };
    };
    let mut output = Output::create(path).map_err(PipelineError::from)?;
    let mut out = BufWriter::new(&mut output);
    let put = write(&mut out).and_then(|()| Ok(out.flush()?));
    put.map_err(|error| refused(error, path.display().to_string()))?;
    drop(out);
    Ok(output.commit().map_err(PipelineError::from)?)
}

fn refused(error: WriteError, path: String) -> CommandError {
    match error {
        WriteError::Made(error) => error.into(),
        WriteError::Written(error) => CommandError::Unwritable {
            path,
            reason: error.to_string(),
        },
    }
}

/// An instant for people: RFC 3339 in UTC.
pub(crate) fn instant(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Says something to a person on standard error. A reader that went away is no mistake
/// of ours, and must not change how the process ends.
pub(crate) fn tell(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{}", harmless(text)));
}

/// A message of lines, with colours, in which names and values out of data command no terminal.
fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c| misleads(c) && !matches!(c, '\n' | '\t')) {
        let (before, from) = rest.split_at(at);
        shown.push_str(before);
        let colour = from.strip_prefix("\u{1b}[").and_then(|codes| {
            let behind = codes.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
            Some(from.len() - behind.strip_prefix('m')?.len())
        });
        let length = colour.unwrap_or_else(|| from.chars().next().map_or(0, char::len_utf8));
        let (found, behind) = from.split_at(length);
        match colour {
            Some(_) => shown.push_str(found),
            None => shown.push_str(&visible(found)),
        }
        rest = behind;
    }
    shown.push_str(rest);
    shown
}

/// Whether who reads a stream is a person who sees colours.
pub(crate) fn colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// A spinner that says what is being done; hidden where nobody looks.
pub(crate) struct Progress(indicatif::ProgressBar);

impl Progress {
    pub(crate) fn new(quiet: bool) -> Self {
        let bar = if quiet || !std::io::stderr().is_terminal() {
            indicatif::ProgressBar::hidden()
        } else {
            let bar = indicatif::ProgressBar::new_spinner();
            bar.enable_steady_tick(std::time::Duration::from_millis(120));
            bar
        };
        Self(bar)
    }

    pub(crate) fn say(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_keep_their_colours_and_nothing_else_that_a_terminal_obeys() {
        assert_eq!(
            harmless("\u{1b}[31;1m×\u{1b}[0m `a\u{1b}[2Jb`:\n\t\u{202e}x\u{1b}"),
            "\u{1b}[31;1m×\u{1b}[0m `a\\u{1b}[2Jb`:\n\t\\u{202e}x\\u{1b}"
        );
    }
}
