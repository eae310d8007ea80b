//! `driftline schema …`: schema files, without data.

use crate::{
    args::{self, CompatibleFor, Format, SchemaVerb, ShowFormat, TfdvFormat},
    command::tfdv,
    exit_code, output,
};
use driftline_schema::{
    Schema,
    diff::{self, Change},
    tfmd,
};
use driftline_verdict::report;
use miette::IntoDiagnostic;
use std::path::Path;

pub(crate) fn files(verb: SchemaVerb) -> miette::Result<u8> {
    match verb {
        SchemaVerb::Show(arguments) => show(&arguments),
        SchemaVerb::Diff(arguments) => compare(&arguments),
        SchemaVerb::Update(arguments) => tfdv::update(arguments),
        SchemaVerb::Import(arguments) => import(&arguments),
        SchemaVerb::Export(arguments) => export(&arguments),
    }
}

/// Reads a schema of any form: YAML, or TFDV's as text or binary.
pub(crate) fn read(path: &Path) -> miette::Result<Schema> {
    Ok(driftline_pipeline::baseline::read_schema(path)?)
}

fn show(arguments: &args::SchemaShow) -> miette::Result<u8> {
    let schema = read(&arguments.schema)?;
    let text = match arguments.format {
        ShowFormat::Table => report::aligned(&schema.outline()),
        ShowFormat::Yaml => schema.to_yaml(),
        ShowFormat::Json => serde_json::to_string_pretty(&schema.to_json()).into_diagnostic()?,
    };
    output::put(&text, arguments.output.as_deref())?;
    Ok(exit_code::PASS)
}

fn compare(arguments: &args::SchemaDiff) -> miette::Result<u8> {
    let (old, new) = (read(&arguments.old)?, read(&arguments.new)?);
    let changes = diff::diff(&old, &new);
    let effect = diff::effect(&changes);
    let (readers, writers) = (effect.suits_readers(), effect.suits_writers());
    let text = match arguments.output.format {
        Format::Table => told(&changes, readers, writers),
        Format::Json => serde_json::to_string_pretty(&serde_json::json!({
            "compatible": {"readers": readers, "writers": writers},
            "changes": changes,
        }))
        .into_diagnostic()?,
    };
    output::put(&text, arguments.output.output.as_deref())?;
    let compatible = match arguments.compatible_for {
        CompatibleFor::Both => readers && writers,
        CompatibleFor::Readers => readers,
        CompatibleFor::Writers => writers,
    };
    Ok(if compatible {
        exit_code::PASS
    } else {
        exit_code::FAIL
    })
}

fn told(changes: &[Change], readers: bool, writers: bool) -> String {
    if changes.is_empty() {
        return "no change\n".to_owned();
    }
    let mut rows = vec![["breaks", "change"].map(str::to_owned).to_vec()];
    rows.extend(
        changes
            .iter()
            .map(|change| vec![change.effect.name().to_owned(), change.to_string()]),
    );
    let mut text = report::aligned(&rows);
    let word = |suits: bool| if suits { "compatible" } else { "incompatible" };
    text.push_str(&format!(
        "\nreaders of the data: {}\nwriters of the data: {}\n",
        word(readers),
        word(writers)
    ));
    text
}

fn import(arguments: &args::SchemaImport) -> miette::Result<u8> {
    let schema = read(&arguments.schema)?;
    output::put(&schema.to_yaml(), arguments.output.as_deref())?;
    Ok(exit_code::PASS)
}

fn export(arguments: &args::SchemaExport) -> miette::Result<u8> {
    let schema = tfmd::Schema::from(&read(&arguments.schema)?);
    match arguments.format {
        TfdvFormat::TfdvPbtxt => output::put(&tfmd::to_text(&schema), arguments.output.as_deref())?,
        TfdvFormat::TfdvPb => {
            output::put_bytes(&tfmd::to_binary(&schema), arguments.output.as_deref())?
        }
    }
    Ok(exit_code::PASS)
}
