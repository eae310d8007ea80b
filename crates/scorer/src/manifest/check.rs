//! What a manifest cannot say.

use crate::remote::Remote;

use super::{Feature, Input, InputSource, Manifest, OutputMeaning, Task, text_column};

const FORMAT_VERSION: u32 = 1;
/// Bounds the work of one batch: an LSTM runs one step a token.
const MAX_LENGTH_LIMIT: usize = 4096;
const BATCH_SIZE_LIMIT: usize = 4096;
/// Numbers of a row in one input.
const WIDTH_LIMIT: usize = 1 << 20;

/// The key, and what is wrong with its value.
type Wrong = (&'static str, String);

impl Manifest {
    pub(super) fn check(&self) -> Result<(), Wrong> {
        let wrong = |key, problem: &str| Err((key, problem.to_owned()));
        if self.format_version != FORMAT_VERSION {
            return Err((
                "format_version",
                format!(
                    "is {}; this version reads {FORMAT_VERSION}",
                    self.format_version
                ),
            ));
        }
        if self.name.trim().is_empty() {
            return wrong("name", "is empty; name the model");
        }
        self.check_labels()?;
        if !(self.threshold > 0.0 && self.threshold < 1.0) {
            return wrong("threshold", "must lie between 0 and 1, without either");
        }
        if !(self.temperature > 0.0 && self.temperature.is_finite()) {
            return wrong("temperature", "must be a number above 0; 1 changes nothing");
        }
        self.check_inputs()?;
        self.check_outputs()?;
        if let Some(problem) = self.remote.as_ref().and_then(Remote::problem) {
            return Err(("remote", problem));
        }
        if !(1..=MAX_LENGTH_LIMIT).contains(&self.max_length) {
            return Err(("max_length", format!("must lie in 1..={MAX_LENGTH_LIMIT}")));
        }
        if self
            .batch_size
            .is_some_and(|size| !(1..=BATCH_SIZE_LIMIT).contains(&size))
        {
            return Err(("batch_size", format!("must lie in 1..={BATCH_SIZE_LIMIT}")));
        }
        if self
            .accuracy
            .iter()
            .any(|a| !(0.0..=1.0).contains(&a.share))
        {
            return wrong("accuracy", "holds a share outside 0..=1");
        }
        Ok(())
    }

    fn check_labels(&self) -> Result<(), Wrong> {
        let wrong = |problem: &str| Err(("labels", problem.to_owned()));
        let mut names: Vec<&str> = self.labels.iter().map(|label| label.trim()).collect();
        if names.iter().any(|name| name.is_empty()) {
            return wrong("holds an empty name; name every label");
        }
        names.sort_unstable();
        let distinct = names.windows(2).all(|pair| pair[0] != pair[1]);
        match self.task {
            Task::BinaryClassification if names.len() != 2 || !distinct => {
                wrong("must name two labels that differ, the negative one first")
            }
            Task::MulticlassClassification if names.len() < 2 || !distinct => wrong(
                "must name two labels or more that differ, in the order of the output's values",
            ),
            Task::Regression | Task::Free if !names.is_empty() => {
                wrong("belongs to a classification; leave it out")
            }
            _ => Ok(()),
        }
    }

    fn check_inputs(&self) -> Result<(), Wrong> {
        let wrong = |problem: String| Err(("inputs", problem));
        if self.inputs.is_empty() {
            return wrong("must name every input of the graph".to_owned());
        }
        let texts: Vec<&Input> = self
            .inputs
            .iter()
            .filter(|input| input.from != InputSource::Columns)
            .collect();
        if let Some(other) = texts
            .iter()
            .find(|input| text_column(input) != text_column(texts[0]))
        {
            return wrong(format!(
                "reads the texts `{}` and `{}`; a model reads one column of texts",
                text_column(texts[0]),
                text_column(other)
            ));
        }
        if !texts.is_empty() && !texts.iter().any(|i| i.from == InputSource::Tokenizer) {
            return wrong(
                "has a mask or types of tokens and no tokens; add `from: tokenizer`".into(),
            );
        }
        for input in &self.inputs {
            let name = &input.name;
            match (input.from, input.columns.is_empty(), &input.column) {
                (InputSource::Columns, true, _) => {
                    return wrong(format!("`{name}`: list the `columns` that it is made of"));
                }
                (InputSource::Columns, false, Some(_)) => {
                    return wrong(format!(
                        "`{name}`: `column` belongs to texts; list it in `columns`"
                    ));
                }
                (InputSource::Columns, false, None) => {}
                (_, false, _) => {
                    return wrong(format!("`{name}`: `columns` belongs to `from: columns`"));
                }
                (_, true, _) => {}
            }
            for feature in &input.columns {
                if let Some(problem) = feature_problem(feature) {
                    return wrong(format!("`{name}`, column `{}`: {problem}", feature.column));
                }
            }
            let width: usize = input
                .columns
                .iter()
                .map(Feature::width)
                .fold(0, usize::saturating_add);
            if width > WIDTH_LIMIT {
                return wrong(format!(
                    "`{name}` makes {width} numbers of a row; at most {WIDTH_LIMIT} are allowed"
                ));
            }
        }
        Ok(())
    }

    fn check_outputs(&self) -> Result<(), Wrong> {
        let wrong = |problem: &str| Err(("outputs", problem.to_owned()));
        let held: Vec<OutputMeaning> = self.outputs.iter().map(|output| output.holds).collect();
        use OutputMeaning::{
            Embedding, LogitOfSecondLabel, Logits, Probabilities, ProbabilityOfSecondLabel,
            Reconstruction, ReconstructionError, Value,
        };
        let predictions: &[OutputMeaning] = match self.task {
            Task::BinaryClassification => &[
                ProbabilityOfSecondLabel,
                LogitOfSecondLabel,
                Probabilities,
                Logits,
            ],
            Task::MulticlassClassification => &[Probabilities, Logits],
            Task::Regression => &[Value],
            Task::Free => &[],
        };
        let beside = [Embedding, Reconstruction, ReconstructionError];
        if held
            .iter()
            .any(|m| !predictions.contains(m) && !beside.contains(m))
        {
            return wrong("holds what this `task` does not give");
        }
        let given = held
            .iter()
            .filter(|meaning| predictions.contains(meaning))
            .count();
        match self.task {
            Task::BinaryClassification if given != 1 => wrong(
                "must name one output that holds the probability: `probability_of_second_label`, \
                 `logit_of_second_label`, `probabilities` or `logits`",
            ),
            Task::MulticlassClassification if given != 1 => {
                wrong("must name one output that holds `probabilities` or `logits`")
            }
            Task::Regression if given != 1 => wrong("must name one output that holds the `value`"),
            Task::Free if held.is_empty() => {
                wrong("must name an output that holds an `embedding` or a `reconstruction`")
            }
            _ => {
                let count = |of: &[OutputMeaning]| held.iter().filter(|m| of.contains(m)).count();
                if count(&[Embedding]) > 1 || count(&[Reconstruction, ReconstructionError]) > 1 {
                    return wrong("holds one embedding and one reconstruction at most");
                }
                if held.contains(&Reconstruction) && self.inputs[0].from != InputSource::Columns {
                    return wrong(
                        "holds a reconstruction, so the first input must be `from: columns`",
                    );
                }
                Ok(())
            }
        }
    }
}

fn feature_problem(feature: &Feature) -> Option<&'static str> {
    if !(feature.deviation > 0.0 && feature.deviation.is_finite() && feature.mean.is_finite()) {
        return Some("`deviation` must be a number above 0, and `mean` a number");
    }
    if !feature.categories.is_empty() && feature.buckets.is_some() {
        return Some("has `categories` and `buckets`; a value has one number");
    }
    if feature.buckets == Some(0) {
        return Some("`buckets` must be 1 or more");
    }
    let mut known: Vec<&String> = feature.categories.iter().collect();
    known.sort_unstable();
    if known.windows(2).any(|pair| pair[0] == pair[1]) {
        return Some("lists a category twice");
    }
    if feature.is_category() && feature.missing.is_some() {
        return Some("`missing` belongs to numbers; a category has `unknown_index`");
    }
    None
}
