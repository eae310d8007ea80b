//! Which measures and thresholds are asked for, and of which columns.

use super::{NamedColumn, PresetRequest, configuration, not_evaluated, tool};
use crate::PipelineError;
use driftline_drift::preset::{Preset, PresetError, measure_of, nannyml};
use driftline_verdict::NotEvaluated;
use std::str::FromStr;

/// `NAME`, or `COLUMN=NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedMeasure {
    /// The column; `None` for all that it fits.
    pub column: Option<String>,
    /// The tool's name of the measure.
    pub name: String,
}

/// `X`, `MEASURE=X` or `COLUMN=X`.
#[derive(Debug, Clone, PartialEq)]
pub struct AskedThreshold {
    /// The measure or the column; `None` for all.
    pub of: Option<String>,
    /// The threshold.
    pub value: f64,
}

impl FromStr for AskedMeasure {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (column, name) = match text.rsplit_once('=') {
            Some((column, name)) => (Some(column), name),
            None => (None, text),
        };
        if name.is_empty() || column.is_some_and(str::is_empty) {
            return Err(format!("`{text}` is neither NAME nor COLUMN=NAME"));
        }
        Ok(Self {
            column: column.map(str::to_owned),
            name: name.to_owned(),
        })
    }
}

impl FromStr for AskedThreshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (of, value) = match text.rsplit_once('=') {
            Some((of, value)) => (Some(of.to_owned()), value),
            None => (None, text),
        };
        let value: f64 = value
            .parse()
            .map_err(|_| format!("`{value}` in `{text}` is no number"))?;
        if !value.is_finite() {
            return Err(format!("`{text}` is no finite number"));
        }
        Ok(Self { of, value })
    }
}

/// One column with the measures that it gets; none for the tool's own choice.
#[derive(Debug, Clone)]
pub(crate) struct PlannedColumn {
    pub(crate) column: NamedColumn,
    pub(crate) measures: Vec<String>,
}

/// What is measured.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Columns by themselves.
    pub(crate) alone: Vec<PlannedColumn>,
    /// Columns together, which NannyML measures; none where nobody asks for it.
    pub(crate) together: Vec<NamedColumn>,
    /// By which measures.
    pub(crate) measures_together: Vec<String>,
    pub(crate) not_evaluated: Vec<NotEvaluated>,
}

impl Plan {
    /// The same without a column, and without what cannot be measured in any case.
    pub(crate) fn without(&self, column: &str) -> Self {
        let alone = self.alone.iter();
        let alone = alone.filter(|planned| planned.column.name != column);
        Self {
            alone: alone.cloned().collect(),
            together: self.together.clone(),
            measures_together: self.measures_together.clone(),
            not_evaluated: Vec::new(),
        }
    }

    /// # Errors
    /// For a measure that the tool does not have, that is asked of a column which is not
    /// there or which it does not fit, or that fits no column at all; and for a threshold
    /// that nothing is compared with.
    pub(crate) fn of(
        request: &PresetRequest,
        columns: Vec<NamedColumn>,
        mut left_out: Vec<NotEvaluated>,
    ) -> Result<Self, PipelineError> {
        let preset = request.preset;
        check_columns(request, &columns, &left_out)?;
        check_thresholds(request, &columns)?;
        let (together, asked): (Vec<_>, Vec<_>) = request
            .measures
            .iter()
            .partition(|asked| is_of_all_together(preset, &asked.name));
        for AskedMeasure { column, name } in &together {
            if let Some(column) = column {
                return Err(configuration(format!(
                    "{name} is of all columns together, not of `{column}`"
                )));
            }
        }
        let mut plan = Self {
            alone: Vec::new(),
            together: Vec::new(),
            measures_together: together.iter().map(|asked| asked.name.clone()).collect(),
            not_evaluated: Vec::new(),
        };
        if preset == Preset::NannyMl && request.measures.is_empty() {
            plan.measures_together.push(nannyml::TOGETHER[0].to_owned());
        }
        if !plan.measures_together.is_empty() {
            plan.together.clone_from(&columns);
        }
        for name in asked.iter().filter(|a| a.column.is_none()).map(|a| &a.name) {
            let refusals: Vec<PresetError> = columns
                .iter()
                .filter_map(|column| measure_of(preset, name, column.kind).err())
                .collect();
            let fits = columns.len() > refusals.len();
            if let (false, Some(refusal)) = (fits, refusals.first()) {
                return Err(configuration(refusal.to_string()));
            }
        }
        // Only the columns together were asked for.
        let columns = if asked.is_empty() && !together.is_empty() {
            Vec::new()
        } else {
            columns
        };
        for column in columns {
            let own = asked
                .iter()
                .filter(|asked| asked.column.as_ref() == Some(&column.name));
            let mut measures: Vec<String> = Vec::new();
            for asked in own {
                measure_of(preset, &asked.name, column.kind)
                    .map_err(|refusal| configuration(format!("`{}`: {refusal}", column.name)))?;
                measures.push(asked.name.clone());
            }
            if measures.is_empty() {
                let mut refused = None;
                for asked in asked.iter().filter(|asked| asked.column.is_none()) {
                    match measure_of(preset, &asked.name, column.kind) {
                        Ok(_) => measures.push(asked.name.clone()),
                        Err(refusal) => refused = refused.or(Some(refusal)),
                    }
                }
                if let (true, Some(refusal)) = (measures.is_empty(), refused) {
                    left_out.push(not_evaluated(&column.name, refusal.to_string()));
                    continue;
                }
            }
            plan.alone.push(PlannedColumn { column, measures });
        }
        plan.not_evaluated = left_out;
        Ok(plan)
    }
}

impl PresetRequest {
    /// The threshold asked for: that of the column, else of the measure, else of all.
    pub(crate) fn threshold(&self, column: Option<&str>, measure: &str) -> Option<f64> {
        column
            .and_then(|column| self.threshold_of(Some(column)))
            .or_else(|| self.threshold_of(Some(measure)))
            .or_else(|| self.threshold_of(None))
    }

    /// The threshold asked for of a column or a measure, or of all; the last one given.
    pub(crate) fn threshold_of(&self, of: Option<&str>) -> Option<f64> {
        let mut found = self.thresholds.iter().rev();
        found
            .find(|asked| asked.of.as_deref() == of)
            .map(|asked| asked.value)
    }
}

fn is_of_all_together(preset: Preset, measure: &str) -> bool {
    preset == Preset::NannyMl && nannyml::TOGETHER.contains(&measure)
}

fn check_columns(
    request: &PresetRequest,
    columns: &[NamedColumn],
    left_out: &[NotEvaluated],
) -> Result<(), PipelineError> {
    for asked in &request.measures {
        let Some(name) = &asked.column else { continue };
        if columns.iter().any(|column| column.name == *name) {
            continue;
        }
        if let Some(why) = left_out.iter().find(|missing| missing.check == *name) {
            return Err(configuration(format!("`{name}`: {}", why.reason)));
        }
        let known: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        return Err(configuration(format!(
            "a measure is given for `{name}`, which is no column; there are {}",
            known.join(", ")
        )));
    }
    Ok(())
}

fn check_thresholds(request: &PresetRequest, columns: &[NamedColumn]) -> Result<(), PipelineError> {
    let preset = request.preset;
    if preset == Preset::Whylogs && !request.thresholds.is_empty() {
        return Err(configuration(
            "the three states of whylogs have thresholds of their own; none is taken here",
        ));
    }
    for asked in &request.thresholds {
        let Some(of) = &asked.of else { continue };
        let measure =
            preset.measures().iter().any(|info| info.name == of) || is_of_all_together(preset, of);
        if preset == Preset::NannyMl && of == "chi2" {
            return Err(configuration(
                "NannyML decides chi2 by p < 0.05 and takes no other threshold",
            ));
        }
        if !measure && !columns.iter().any(|column| column.name == *of) {
            return Err(configuration(format!(
                "a threshold is given for `{of}`, which is neither a column nor a measure of {}; its measures are {}",
                tool(preset),
                preset
                    .measures()
                    .iter()
                    .map(|info| info.name)
                    .collect::<Vec<_>>()
                    .join(", ")
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_may_hold_an_equals_sign() {
        let asked: AskedMeasure = "a=b=psi".parse().unwrap();
        assert_eq!(asked.column.as_deref(), Some("a=b"));
        assert_eq!(asked.name, "psi");
        assert!("=psi".parse::<AskedMeasure>().is_err());
        assert!("a=".parse::<AskedMeasure>().is_err());
        let threshold: AskedThreshold = "psi=0.2".parse().unwrap();
        assert_eq!(
            (threshold.of.as_deref(), threshold.value),
            (Some("psi"), 0.2)
        );
        assert!("psi=much".parse::<AskedThreshold>().is_err());
        assert!("inf".parse::<AskedThreshold>().is_err());
    }

    #[test]
    fn a_column_s_threshold_comes_before_a_measure_s_and_that_before_all() {
        let request = PresetRequest {
            thresholds: ["0.1", "psi=0.2", "x=0.3"]
                .map(|text| text.parse().unwrap())
                .to_vec(),
            ..PresetRequest::of(Preset::Evidently)
        };
        assert_eq!(request.threshold(Some("x"), "psi"), Some(0.3));
        assert_eq!(request.threshold(Some("y"), "psi"), Some(0.2));
        assert_eq!(request.threshold(Some("y"), "ks"), Some(0.1));
    }
}
