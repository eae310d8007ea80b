//! A first manifest, from what an ONNX file says of itself.

use std::fmt::Write as _;
use std::path::Path;

use crate::ScorerError;
use crate::onnx::{Axis, Graph, TensorSpec};

/// Columns of an input that are written out.
const MOST_COLUMNS: usize = 1000;

/// The manifest of a model's file as YAML, with comments that say what a person must fill
/// in. It parses, and where the file says enough it is right as it stands.
///
/// # Errors
/// Those of [`Graph::read`].
pub fn first_manifest(model: &Path) -> Result<String, ScorerError> {
    let graph = Graph::read(model)?;
    let name = model
        .file_stem()
        .map_or("model".into(), |stem| stem.to_string_lossy());
    let mut yaml = String::new();
    // Writing to a string does not fail.
    write(&mut yaml, &graph, &name).unwrap_or_default();
    Ok(yaml)
}

/// What the outputs seem to be.
enum Guess<'a> {
    /// For each label a value.
    Labels {
        output: &'a TensorSpec,
        count: usize,
        holds: &'static str,
    },
    /// A probability of the second label, or its logit.
    Second(&'a TensorSpec, &'static str),
    Value(&'a TensorSpec),
    Embedding(&'a TensorSpec),
}

fn write(yaml: &mut String, graph: &Graph, name: &str) -> std::fmt::Result {
    writeln!(
        yaml,
        "# A first manifest, by `driftline model init`. Lines with FILL IN are for you."
    )?;
    writeln!(
        yaml,
        "# Put it beside the model as manifest.yaml, name the model's file model.onnx,"
    )?;
    writeln!(yaml, "# and try the folder: driftline model verify FOLDER")?;
    if let Some(missing) = graph.missing() {
        writeln!(yaml, "# As it is, the model does not run; {missing}")?;
    }
    writeln!(yaml, "format_version: 1")?;
    writeln!(yaml, "name: {}", quoted(name))?;
    writeln!(yaml, "version: 1")?;
    writeln!(
        yaml,
        "description: {}",
        quoted(&format!("Made by {}.", graph.producer))
    )?;
    let guess = guess(graph);
    match &guess {
        Guess::Labels { count, .. } => {
            let labels: Vec<String> = match graph.labels.len() == *count {
                true => graph.labels.iter().map(|label| quoted(label)).collect(),
                false => (0..*count)
                    .map(|number| quoted(&format!("label_{number}")))
                    .collect(),
            };
            let task = if *count == 2 {
                "binary_classification"
            } else {
                "multiclass_classification"
            };
            writeln!(yaml, "task: {task}")?;
            writeln!(
                yaml,
                "# FILL IN: the labels' names, in the order of the output's values."
            )?;
            writeln!(yaml, "labels: [{}]", labels.join(", "))?;
        }
        Guess::Second(..) => {
            writeln!(yaml, "task: binary_classification")?;
            writeln!(
                yaml,
                "# FILL IN: the labels' names, the one whose probability is given second."
            )?;
            writeln!(yaml, "labels: ['no', 'yes']")?;
            writeln!(
                yaml,
                "# The second label is predicted where its probability reaches this."
            )?;
            writeln!(yaml, "threshold: 0.5")?;
        }
        Guess::Value(_) => writeln!(yaml, "task: regression")?,
        Guess::Embedding(_) => writeln!(yaml, "task: free")?,
    }
    writeln!(yaml, "inputs:")?;
    for input in &graph.inputs {
        write_input(yaml, graph, input)?;
    }
    writeln!(yaml, "outputs:")?;
    let (output, holds) = match &guess {
        Guess::Labels { output, holds, .. } | Guess::Second(output, holds) => (output, *holds),
        Guess::Value(output) => (output, "value"),
        Guess::Embedding(output) => (output, "embedding"),
    };
    writeln!(yaml, "  # {output}")?;
    writeln!(yaml, "  - name: {}", quoted(&output.name))?;
    writeln!(yaml, "    holds: {holds}")?;
    let others = graph
        .outputs
        .iter()
        .filter(|other| other.name != output.name);
    for other in others {
        writeln!(yaml, "  # Not read: {} {other}", other.name)?;
    }
    writeln!(
        yaml,
        "# FILL IN: what kind of rows the model was made for; reports repeat it."
    )?;
    writeln!(yaml, "domain: ''")?;
    writeln!(yaml, "# FILL IN: licence of the weights (SPDX).")?;
    writeln!(yaml, "licence: ''")?;
    writeln!(yaml, "# FILL IN, if known:")?;
    writeln!(yaml, "# training_data: {{name: , licence: }}")?;
    writeln!(
        yaml,
        "# accuracy: [{{data: held out, rows: 1000, share: 0.9}}]"
    )
}

fn write_input(yaml: &mut String, graph: &Graph, input: &TensorSpec) -> std::fmt::Result {
    let lower = input.name.to_lowercase();
    let is_text = input.element.is_some_and(|element| !element.is_float())
        && matches!(input.axes.as_deref(), Some([_, Axis::Free(_)]));
    writeln!(yaml, "  # {input}")?;
    writeln!(yaml, "  - name: {}", quoted(&input.name))?;
    if is_text && lower.contains("mask") {
        writeln!(yaml, "    from: attention_mask")
    } else if is_text && (lower.contains("type") || lower.contains("segment")) {
        writeln!(yaml, "    from: token_types")
    } else if is_text {
        writeln!(
            yaml,
            "    # FILL IN: put the tokenizer beside this file: tokenizer.json or vocab.txt."
        )?;
        if let Some(greatest) = graph.greatest_index(&input.name) {
            writeln!(yaml, "    # Its numbers go from 0 to {greatest}.")?;
        }
        writeln!(yaml, "    from: tokenizer")
    } else {
        let width = input.axes.iter().flatten().skip(1).map(|axis| match axis {
            Axis::Fixed(length) => *length,
            Axis::Free(_) => 1,
        });
        let width = width.fold(1_usize, usize::saturating_mul);
        writeln!(yaml, "    from: columns")?;
        writeln!(
            yaml,
            "    # FILL IN: the columns, in the model's order. A number may have mean,"
        )?;
        writeln!(
            yaml,
            "    # deviation and missing; a category has categories or buckets."
        )?;
        writeln!(yaml, "    columns:")?;
        for number in 1..=width.min(MOST_COLUMNS) {
            let column = match width {
                1 => input.name.clone(),
                _ => format!("column_{number}"),
            };
            writeln!(yaml, "      - {{column: {}}}", quoted(&column))?;
        }
        match width > MOST_COLUMNS {
            true => writeln!(yaml, "      # And so on: {width} in all."),
            false => Ok(()),
        }
    }
}

fn guess(graph: &Graph) -> Guess<'_> {
    let last = |output: &TensorSpec| {
        let made = |node: &&tract_onnx::pb::NodeProto| node.output.contains(&output.name);
        graph
            .graph()
            .node
            .iter()
            .find(made)
            .map_or("", |node| node.op_type.as_str())
    };
    let is_label = |output: &TensorSpec| {
        matches!(last(output), "ArgMax")
            || output.element.is_some_and(|element| !element.is_float())
    };
    let output = graph
        .outputs
        .iter()
        .find(|output| output.name.to_lowercase().contains("prob"))
        .or_else(|| graph.outputs.iter().find(|output| !is_label(output)))
        .unwrap_or(&graph.outputs[0]);
    let named = output.name.to_lowercase();
    let width = match output.axes.as_deref() {
        Some([_, Axis::Fixed(width)]) => Some(*width),
        Some([_]) => Some(1),
        _ => None,
    };
    let is_probability = named.contains("prob")
        || matches!(
            last(output),
            "Softmax" | "Sigmoid" | "TreeEnsembleClassifier" | "LinearClassifier" | "Normalizer"
        );
    let count = width
        .filter(|width| (2..=MOST_COLUMNS).contains(width))
        .unwrap_or(graph.labels.len());
    match width {
        Some(1) if is_probability => Guess::Second(output, "probability_of_second_label"),
        Some(1) if named.contains("logit") => Guess::Second(output, "logit_of_second_label"),
        Some(1) => Guess::Value(output),
        _ if is_probability && count > 1 => Guess::Labels {
            output,
            count,
            holds: "probabilities",
        },
        _ if named.contains("logit") && count > 1 => Guess::Labels {
            output,
            count,
            holds: "logits",
        },
        None if graph.outputs.len() == 1 && last(output) == "Gather" => Guess::Value(output),
        _ => Guess::Embedding(output),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''").replace(['\n', '\r'], " "))
}
