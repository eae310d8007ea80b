//! Verbs about models.

use super::{Format, SourceArguments};
use clap::{Args, Subcommand};
use std::{num::NonZeroU64, path::PathBuf};

#[derive(Debug, Args)]
pub(crate) struct Score {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    /// The model bundle's folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) model: PathBuf,
    /// The column of texts that the model reads, of a bundle whose manifest names none.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) text: Option<String>,
    /// A column that the manifest names, and what it is called here; may be repeated.
    #[arg(long, value_name = "MANIFEST=COLUMN")]
    pub(crate) column: Vec<String>,
    /// The Parquet file to write.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelVerb {
    /// Whether a model runs here and gives the outputs expected of it, and what it costs
    ///
    /// The file is looked at in a process of its own, under the limits given, so that a
    /// hostile one harms nothing. Ends with 0 if all holds, 1 if outputs differ from those
    /// that the bundle carries (`expected.json`), 3 if the model cannot run.
    Verify(ModelVerify),
    /// A first manifest for a model, with comments on what is to be filled in
    Init(ModelInit),
}

#[derive(Debug, Args)]
pub(crate) struct ModelVerify {
    /// An ONNX file, a bundle's folder, or the folder above with versions.
    pub(crate) model: PathBuf,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Bytes of address space that loading and running may take, in MiB.
    #[arg(long, value_name = "MIB", default_value = "8192")]
    pub(crate) limit_memory: NonZeroU64,
    /// Seconds that they may take.
    #[arg(long, value_name = "SECONDS", default_value = "120")]
    pub(crate) limit_time: NonZeroU64,
    /// Do it in this process, without limits: what the bounded process is called with.
    #[arg(long, hide = true)]
    pub(crate) here: bool,
    /// The file to write instead of standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ModelInit {
    /// The ONNX file.
    pub(crate) model: PathBuf,
    /// The manifest to write, instead of standard output; it must not exist yet.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}
