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
    #[command(flatten)]
    pub(crate) columns: ModelColumns,
    /// The Parquet file to write.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// Which columns a model reads.
#[derive(Debug, Args)]
pub(crate) struct ModelColumns {
    /// The column of texts that the model reads, of a bundle whose manifest names none.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) text: Option<String>,
    /// A column that the manifest names, and what it is called here; may be repeated.
    #[arg(long, value_name = "MANIFEST=COLUMN")]
    pub(crate) column: Vec<String>,
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
    /// The temperature at which a classifier is as often right as it says, from labelled rows
    ///
    /// Fitted on one half of the rows, measured on the other: the calibration error and the log
    /// loss, before and after. The rows must not be those that the model was trained on.
    Calibrate(ModelCalibrate),
    /// A bundle from a few hundred labelled texts: a frozen encoder and a small head
    ///
    /// Without an encoder the head reads shares of hashed characters. The penalty, the
    /// temperature and the accuracy that is stated are those on texts that were left out.
    Adapt(ModelAdapt),
}

#[derive(Debug, Args)]
pub(crate) struct ModelAdapt {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    /// The column of texts.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) text: String,
    /// The column of labels.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) label: String,
    /// A bundle that gives an `embedding` of a text.
    #[arg(long, value_name = "DIR")]
    pub(crate) encoder: Option<PathBuf>,
    /// The model's name.
    #[arg(long, value_name = "NAME", default_value = "adapted")]
    pub(crate) name: String,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// The bundle's folder, which must not exist yet.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ModelCalibrate {
    /// The model bundle's folder.
    pub(crate) model: PathBuf,
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    /// The column of true labels, named as in the manifest.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) label: String,
    #[command(flatten)]
    pub(crate) columns: ModelColumns,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Write the temperature into the bundle's manifest.
    #[arg(long)]
    pub(crate) write: bool,
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
