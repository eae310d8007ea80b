//! Rows of CSV and JSON Lines, a batch at a time.
//!
//! Names and types of columns are those of the first rows, as many as a buffer holds, so that a
//! stream is read once.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;

use crate::{EdgeError, Format};

/// Bytes that types are told from.
const BEGINNING_BYTES: usize = 1 << 20;
/// Rows of a batch.
const BATCH_ROWS: usize = 4_096;

/// Hands the rows of a file, of the files of a folder by name, or of standard input to `take`.
pub(crate) fn batches(
    input: &Path,
    format: Option<Format>,
    mut take: impl FnMut(RecordBatch) -> Result<(), EdgeError>,
) -> Result<(), EdgeError> {
    if input == Path::new("-") {
        let stdin = std::io::stdin().lock();
        return of_stream(stdin, "standard input", format, &mut take);
    }
    let unreadable = |path: &Path, error: std::io::Error| EdgeError::Unreadable {
        place: path.display().to_string(),
        reason: error.to_string(),
    };
    let files = if input.is_dir() {
        let entries = std::fs::read_dir(input).map_err(|error| unreadable(input, error))?;
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|path| path.is_file());
        files.sort();
        files
    } else {
        vec![input.to_owned()]
    };
    for path in files {
        let file = File::open(&path).map_err(|error| unreadable(&path, error))?;
        of_stream(file, &path.display().to_string(), format, &mut take)?;
    }
    Ok(())
}

fn of_stream(
    mut stream: impl Read,
    place: &str,
    format: Option<Format>,
    take: &mut dyn FnMut(RecordBatch) -> Result<(), EdgeError>,
) -> Result<(), EdgeError> {
    let wrong = |reason: String| EdgeError::Unreadable {
        place: place.to_owned(),
        reason,
    };
    let mut beginning = Vec::new();
    let limit = BEGINNING_BYTES as u64;
    let read = stream.by_ref().take(limit).read_to_end(&mut beginning);
    read.map_err(|error| wrong(error.to_string()))?;
    if beginning.iter().all(u8::is_ascii_whitespace) {
        return Err(wrong("there are no rows".to_owned()));
    }
    // Whole lines alone tell types, unless all is there.
    let whole = match beginning.iter().rposition(|byte| *byte == b'\n') {
        Some(end) if beginning.len() == BEGINNING_BYTES => beginning[..=end].to_vec(),
        _ => beginning.clone(),
    };
    let format = format.unwrap_or_else(|| {
        let first = beginning.iter().find(|byte| !byte.is_ascii_whitespace());
        match first {
            Some(b'{') => Format::Jsonl,
            _ => Format::Csv,
        }
    });
    let rest = BufReader::new(std::io::Cursor::new(beginning).chain(stream));
    let failed = |error: ArrowError| wrong(error.to_string());
    for batch in reader(format, &whole, rest).map_err(failed)? {
        take(batch.map_err(failed)?)?;
    }
    Ok(())
}

type Batches<'a> = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + 'a>;

fn reader<'a>(
    format: Format,
    beginning: &[u8],
    rows: impl BufRead + 'a,
) -> Result<Batches<'a>, ArrowError> {
    Ok(match format {
        Format::Csv => {
            let csv = arrow_csv::reader::Format::default().with_header(true);
            let (schema, _) = csv.infer_schema(beginning, None)?;
            let reader = arrow_csv::ReaderBuilder::new(Arc::new(schema))
                .with_header(true)
                .with_batch_size(BATCH_ROWS);
            Box::new(reader.build(rows)?)
        }
        Format::Jsonl => {
            let (schema, _) = arrow_json::reader::infer_json_schema(beginning, None)?;
            let reader =
                arrow_json::ReaderBuilder::new(Arc::new(schema)).with_batch_size(BATCH_ROWS);
            Box::new(reader.build(rows)?)
        }
    })
}
