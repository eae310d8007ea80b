//! A column as the tools see it: numbers, categories or texts, without their width.

use super::Categories;
use crate::two_sample::Sample;
use arrow_array::{Array, ArrayRef, cast::AsArray, types::Float64Type};
use arrow_schema::DataType;
use driftline_statistics::{CategoricalProfile, ColumnProfile, Summary, ValueType};
use std::{collections::HashMap, fmt, ops::Range};

/// What kind of column a tool takes it for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Numbers.
    Numeric,
    /// Categories and booleans.
    Category,
    /// Free text.
    Text,
}

impl Kind {
    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Numeric => "numeric",
            Self::Category => "category",
            Self::Text => "text",
        }
    }

    /// What the tools take a type of column for, where nobody says otherwise: numbers for
    /// numbers, strings and booleans for categories. `None` for times and nested types,
    /// which they do not compare.
    pub fn of(data_type: &DataType) -> Option<Self> {
        Self::of_value_type(ValueType::of(data_type))
    }

    /// As [`of`](Self::of), for a profile's type.
    pub fn of_value_type(value_type: ValueType) -> Option<Self> {
        match value_type {
            ValueType::Integer | ValueType::Float => Some(Self::Numeric),
            ValueType::String | ValueType::Boolean => Some(Self::Category),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a column or a profile cannot be compared as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Values that cannot be read as this kind.
    #[error("a column of type {data_type} cannot be read as {kind}")]
    NotOfKind {
        /// The Arrow type, or the profile's.
        data_type: String,
        /// The kind asked for.
        kind: Kind,
    },
    /// A profile that has become a sketch.
    #[error(
        "the profile holds {what} as a sketch, which would not give the tool's numbers; give the source itself"
    )]
    Sketch {
        /// What is approximate.
        what: &'static str,
    },
}

/// The rows of one column in their order.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Numbers; NaN for null.
    Numbers {
        /// One for each row.
        values: Vec<f64>,
        /// Whether the column holds whole numbers by its type, and no null: a data frame
        /// of pandas turns whole numbers with nulls into floating point.
        whole: bool,
        /// How many rows are not a number rather than null.
        nan: u64,
    },
    /// Categories, each as its place in `labels`; `None` for null.
    Categories {
        /// One for each row.
        codes: Vec<Option<u32>>,
        /// The distinct values.
        labels: Vec<String>,
    },
    /// Texts; `None` for null.
    Texts(Vec<Option<String>>),
}

impl Column {
    /// The rows of consecutive arrays.
    ///
    /// # Errors
    /// [`Refused::NotOfKind`] for a type that has no such values.
    pub fn of(arrays: &[ArrayRef], kind: Kind) -> Result<Self, Refused> {
        let whole = arrays.iter().all(|array| {
            ValueType::of(array.data_type()) == ValueType::Integer && array.null_count() == 0
        });
        let mut column = match kind {
            Kind::Numeric => Self::Numbers {
                values: Vec::new(),
                whole,
                nan: 0,
            },
            Kind::Category => Self::Categories {
                codes: Vec::new(),
                labels: Vec::new(),
            },
            Kind::Text => Self::Texts(Vec::new()),
        };
        let mut places: HashMap<String, u32> = HashMap::new();
        for array in arrays {
            let refused = || Refused::NotOfKind {
                data_type: array.data_type().to_string(),
                kind,
            };
            let value_type = ValueType::of(array.data_type());
            let to = match kind {
                Kind::Numeric => DataType::Float64,
                // So that 3 and 3.0 are one category, whatever type a side has.
                Kind::Category if value_type == ValueType::Float => DataType::Float64,
                Kind::Category | Kind::Text => DataType::Utf8,
            };
            let readable = match value_type {
                ValueType::Integer | ValueType::Float | ValueType::Boolean => kind != Kind::Text,
                ValueType::String => kind != Kind::Numeric,
                ValueType::Null => true,
                _ => false,
            };
            if !readable {
                return Err(refused());
            }
            let array = arrow_cast::cast(array, &to).map_err(|_| refused())?;
            match &mut column {
                Self::Numbers { values, nan, .. } => {
                    for value in array.as_primitive::<Float64Type>() {
                        *nan += u64::from(value.is_some_and(f64::is_nan));
                        values.push(value.unwrap_or(f64::NAN));
                    }
                }
                Self::Categories { codes, labels } => {
                    let mut place_of = |value: &str| {
                        if let Some(place) = places.get(value) {
                            return *place;
                        }
                        let place = labels.len() as u32;
                        labels.push(value.to_owned());
                        places.insert(value.to_owned(), place);
                        place
                    };
                    if to == DataType::Float64 {
                        codes.extend(array.as_primitive::<Float64Type>().iter().map(|value| {
                            let value = value.filter(|value| !value.is_nan())?;
                            Some(place_of(&value.to_string()))
                        }));
                    } else {
                        let texts = array.as_string::<i32>().iter();
                        codes.extend(texts.map(|value| value.map(&mut place_of)));
                    }
                }
                Self::Texts(texts) => texts.extend(
                    array
                        .as_string::<i32>()
                        .iter()
                        .map(|value| value.map(str::to_owned)),
                ),
            }
        }
        Ok(column)
    }

    /// Rows, nulls included.
    pub fn rows(&self) -> usize {
        match self {
            Self::Numbers { values, .. } => values.len(),
            Self::Categories { codes, .. } => codes.len(),
            Self::Texts(texts) => texts.len(),
        }
    }

    /// Some of its rows, in the order given. NaN is not told from null here.
    ///
    /// # Panics
    /// Where a row is not there.
    pub fn taken(&self, rows: &[usize]) -> Self {
        match self {
            Self::Numbers { values, whole, .. } => Self::Numbers {
                values: rows.iter().map(|row| values[*row]).collect(),
                whole: *whole,
                nan: 0,
            },
            Self::Categories { codes, labels } => Self::Categories {
                codes: rows.iter().map(|row| codes[*row]).collect(),
                labels: labels.clone(),
            },
            Self::Texts(texts) => Self::Texts(rows.iter().map(|row| texts[*row].clone()).collect()),
        }
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Numbers { .. } => Kind::Numeric,
            Self::Categories { .. } => Kind::Category,
            Self::Texts(_) => Kind::Text,
        }
    }

    /// What it holds, without the order.
    pub fn values(&self) -> Values {
        let mut values = self.values_of(0..self.rows());
        if let (Values::Numbers(numbers), Self::Numbers { nan, .. }) = (&mut values, self) {
            numbers.nan = *nan;
        }
        values
    }

    /// What a range of its rows holds, without the order; the range is cut to the rows.
    /// NaN is not told from null here.
    pub fn values_of(&self, rows: Range<usize>) -> Values {
        let rows = rows.start.min(self.rows())..rows.end.min(self.rows());
        match self {
            Self::Numbers { values, whole, .. } => {
                let values = &values[rows];
                let count = |wanted: f64| {
                    values
                        .iter()
                        .filter(|value| value.total_cmp(&wanted).is_eq())
                        .count() as u64
                };
                Values::Numbers(Numbers {
                    sample: Sample::of(values.iter().copied()),
                    whole: *whole,
                    exact: true,
                    nan: 0,
                    negative_infinite: count(f64::NEG_INFINITY),
                    positive_infinite: count(f64::INFINITY),
                })
            }
            Self::Categories { codes, labels } => {
                let mut counts = vec![0; labels.len()];
                for code in codes[rows].iter().flatten() {
                    counts[*code as usize] += 1;
                }
                Values::Categories(Categories::of_counted(
                    labels.iter().map(String::as_str).zip(counts),
                ))
            }
            Self::Texts(texts) => Values::Texts(texts[rows].iter().flatten().cloned().collect()),
        }
    }
}

/// Numbers without their order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Numbers {
    /// The finite ones.
    pub sample: Sample,
    /// Whether the column holds whole numbers by its type, and no null.
    pub whole: bool,
    /// Whether every number is there; else the sample stands for a sketch.
    pub exact: bool,
    /// How many are not a number, where they are told from nulls.
    pub nan: u64,
    /// How many are −∞.
    pub negative_infinite: u64,
    /// How many are +∞.
    pub positive_infinite: u64,
}

/// What a column holds, without nulls and without the order of rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Numbers.
    Numbers(Numbers),
    /// Categories.
    Categories(Categories),
    /// Texts.
    Texts(Vec<String>),
}

impl Values {
    /// What a profile says of a column.
    ///
    /// Numbers may be a sketch (`Numbers::exact`); categories are refused then.
    ///
    /// # Errors
    /// [`Refused`] where the profile has no such values, or only some of its categories.
    pub fn of_profile(profile: &ColumnProfile, kind: Kind) -> Result<Self, Refused> {
        let not_of_kind = || Refused::NotOfKind {
            data_type: profile.value_type.name().to_owned(),
            kind,
        };
        match (&profile.summary, kind) {
            (Summary::Numeric(numeric), Kind::Numeric | Kind::Category) => {
                let view = numeric.quantiles();
                let whole = profile.value_type == ValueType::Integer && profile.nulls == 0;
                if kind == Kind::Numeric {
                    return Ok(Self::Numbers(Numbers {
                        sample: Sample::of_counted(view.values()),
                        whole,
                        exact: view.is_exact(),
                        nan: numeric.nan,
                        negative_infinite: numeric.negative_infinity,
                        positive_infinite: numeric.positive_infinity,
                    }));
                }
                if !view.is_exact() {
                    return Err(Refused::Sketch { what: "its values" });
                }
                Ok(Self::Categories(Categories::of_counted(
                    view.values()
                        .map(|(value, count)| (value.to_string(), count)),
                )))
            }
            (Summary::Categorical(categorical), Kind::Category) => counted(categorical),
            (Summary::Text(text), Kind::Category) => counted(text.values()),
            _ => Err(not_of_kind()),
        }
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Numbers(_) => Kind::Numeric,
            Self::Categories(_) => Kind::Category,
            Self::Texts(_) => Kind::Text,
        }
    }

    /// How many values there are.
    pub fn size(&self) -> u64 {
        match self {
            Self::Numbers(numbers) => numbers.sample.size(),
            Self::Categories(categories) => categories.size(),
            Self::Texts(texts) => texts.len() as u64,
        }
    }
}

fn counted(categorical: &CategoricalProfile) -> Result<Values, Refused> {
    if !categorical.is_exact() {
        return Err(Refused::Sketch { what: "its values" });
    }
    Ok(Values::Categories(Categories::of_counted(
        categorical
            .values()
            .into_iter()
            .map(|value| (value.value, value.count)),
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Date32Array, Float64Array, Int64Array, StringArray};
    use std::sync::Arc;

    #[test]
    fn arrays_are_joined_and_their_categories_too() {
        let parts: [ArrayRef; 2] = [
            Arc::new(StringArray::from(vec![Some("a"), None])),
            Arc::new(StringArray::from(vec!["b", "a"])),
        ];
        let column = Column::of(&parts, Kind::Category).unwrap();
        assert_eq!(column.rows(), 4);
        let Values::Categories(all) = column.values() else {
            panic!("categories")
        };
        assert_eq!(all.counted().collect::<Vec<_>>(), [("a", 2), ("b", 1)]);
        let Values::Categories(last) = column.values_of(2..9) else {
            panic!("categories")
        };
        assert_eq!((last.size(), last.count("a")), (2, 1));
    }

    #[test]
    fn a_profile_gives_the_same_values_as_its_rows() {
        let whole: ArrayRef = Arc::new(Int64Array::from(vec![Some(3), None, Some(1), Some(3)]));
        let rows = Column::of(&[Arc::clone(&whole)], Kind::Numeric).unwrap();
        let profile = ColumnProfile::of(&whole, false);
        assert_eq!(
            Values::of_profile(&profile, Kind::Numeric).unwrap(),
            rows.values()
        );
        let as_categories = Column::of(&[whole], Kind::Category).unwrap();
        assert_eq!(
            Values::of_profile(&profile, Kind::Category).unwrap(),
            as_categories.values()
        );
    }

    #[test]
    fn a_sketch_of_categories_and_a_date_are_refused() {
        let many: ArrayRef = Arc::new(Float64Array::from_iter_values((0..9_000).map(f64::from)));
        let profile = ColumnProfile::of(&many, false);
        assert!(matches!(
            Values::of_profile(&profile, Kind::Category),
            Err(Refused::Sketch { .. })
        ));
        let days: ArrayRef = Arc::new(Date32Array::from(vec![1]));
        assert!(Column::of(&[days], Kind::Numeric).is_err());
        assert_eq!(Kind::of(&DataType::Date32), None);
    }
}
