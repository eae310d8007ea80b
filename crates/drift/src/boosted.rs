//! Regression trees in a row, each fitted to what those before it leave.
//!
//! Friedman (2001), "Greedy function approximation: a gradient boosting machine", with
//! Newton steps (Friedman, Hastie, Tibshirani 2000), on features that are cut into bins and
//! trees that grow where the gain is greatest (Ke et al. 2017, "LightGBM"), with the defaults
//! of that paper's program: 100 trees of 31 leaves, a rate of 0.1, leaves of 20 rows or more.
//! There is no randomness.

/// Trees.
const TREES: usize = 100;
/// Leaves of a tree, at most.
const LEAVES: usize = 31;
/// Share of a tree's values that is taken.
const RATE: f64 = 0.1;
/// Rows of a leaf, at least.
const LEAST_ROWS: usize = 20;
/// Weight of a leaf, at least; of the squared error a row weighs 1.
const LEAST_WEIGHT: f64 = 1e-3;
/// Bins of a feature, at most; one more is for no value.
const BINS: usize = 254;

/// What the trees make small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Objective {
    /// The squared error; a prediction is a value of the target.
    SquaredError,
    /// The log loss of a target of 0 and 1; a prediction is the log odds of 1.
    LogLoss,
}

impl Objective {
    /// What rows are predicted without features.
    fn base(self, target: &[f64]) -> f64 {
        let mean = target.iter().sum::<f64>() / (target.len().max(1) as f64);
        match self {
            Self::SquaredError => mean,
            // Targets that are all the same would have infinite odds.
            Self::LogLoss => {
                let mean = mean.clamp(1e-9, 1.0 - 1e-9);
                (mean / (1.0 - mean)).ln()
            }
        }
    }

    /// The negative gradient at a prediction, and the second derivative.
    fn left(self, target: f64, prediction: f64) -> Left {
        match self {
            Self::SquaredError => Left {
                value: target - prediction,
                weight: 1.0,
            },
            Self::LogLoss => {
                let probability = 1.0 / (1.0 + (-prediction).exp());
                Left {
                    value: target - probability,
                    weight: probability * (1.0 - probability),
                }
            }
        }
    }
}

/// What the trees so far leave of a row.
#[derive(Debug, Clone, Copy)]
struct Left {
    value: f64,
    weight: f64,
}

/// A function of a row's features.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Boosted {
    base: f64,
    /// For each feature the upper bounds of its bins, but the last.
    bounds: Vec<Vec<f64>>,
    trees: Vec<Vec<Node>>,
    /// For each feature, what its splits won.
    gains: Vec<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Node {
    Leaf(f64),
    /// Rows whose bin is at most this go to the first child, which is followed by the second.
    Split {
        feature: usize,
        bin: u8,
        children: usize,
    },
}

/// What is left of some rows.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    value: f64,
    weight: f64,
    rows: usize,
}

impl Sums {
    fn of(left: &[Left], rows: &[u32]) -> Self {
        let mut sums = Self::default();
        for row in rows {
            sums.add(left[*row as usize]);
        }
        sums
    }

    fn add(&mut self, left: Left) {
        self.value += left.value;
        self.weight += left.weight;
        self.rows += 1;
    }

    fn without(self, other: Self) -> Self {
        Self {
            value: self.value - other.value,
            weight: self.weight - other.weight,
            rows: self.rows - other.rows,
        }
    }

    /// Twice what the best value for all of the rows wins.
    fn gain(self) -> f64 {
        self.value * self.value / self.weight
    }

    fn may_be_a_leaf(self) -> bool {
        self.rows >= LEAST_ROWS && self.weight >= LEAST_WEIGHT
    }
}

#[derive(Debug, Clone, Copy)]
struct Best {
    gain: f64,
    feature: usize,
    bin: u8,
}

struct Leaf {
    /// Its place in the tree.
    node: usize,
    rows: Vec<u32>,
    best: Option<Best>,
}

impl Boosted {
    /// Fits features, column by column (NaN where there is no value), to a target.
    pub(crate) fn fit(features: &[Vec<f64>], target: &[f64], objective: Objective) -> Self {
        let base = objective.base(target);
        let bounds: Vec<Vec<f64>> = features.iter().map(|values| cut(values)).collect();
        let binned: Vec<Vec<u8>> = features
            .iter()
            .zip(&bounds)
            .map(|(values, bounds)| values.iter().map(|value| bin(bounds, *value)).collect())
            .collect();
        let mut predictions = vec![base; target.len()];
        let mut trees = Vec::new();
        let mut gains = vec![0.0; features.len()];
        for _ in 0..TREES {
            let known = target.iter().zip(&predictions);
            let left: Vec<Left> = known
                .map(|(target, prediction)| objective.left(*target, *prediction))
                .collect();
            let (tree, leaves) = grow(&binned, &left, &mut gains);
            for leaf in leaves {
                if let Node::Leaf(value) = tree[leaf.node] {
                    for row in leaf.rows {
                        predictions[row as usize] += value;
                    }
                }
            }
            let is_one_leaf = tree.len() == 1;
            trees.push(tree);
            if is_one_leaf {
                break;
            }
        }
        Self {
            base,
            bounds,
            trees,
            gains,
        }
    }

    /// For each feature, by how much its splits lowered what the trees make small, in sum.
    pub(crate) fn gains(&self) -> &[f64] {
        &self.gains
    }

    /// The values of rows, given by their features as they were fitted.
    pub(crate) fn predict(&self, features: &[Vec<f64>]) -> Vec<f64> {
        let rows = features.first().map_or(0, Vec::len);
        (0..rows)
            .map(|row| {
                let bins: Vec<u8> = features
                    .iter()
                    .zip(&self.bounds)
                    .map(|(values, bounds)| bin(bounds, values[row]))
                    .collect();
                self.base
                    + self
                        .trees
                        .iter()
                        .map(|tree| value(tree, &bins))
                        .sum::<f64>()
            })
            .collect()
    }
}

/// Bounds that part values into bins of about equally many rows; every value has its own
/// where there are few.
fn cut(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values
        .iter()
        .copied()
        .filter(|value| !value.is_nan())
        .collect();
    sorted.sort_by(f64::total_cmp);
    let mut distinct = sorted.clone();
    distinct.dedup();
    let between = |a: f64, b: f64| a + (b - a) / 2.0;
    if distinct.len() <= BINS {
        return distinct
            .windows(2)
            .map(|pair| between(pair[0], pair[1]))
            .collect();
    }
    let mut bounds: Vec<f64> = (1..BINS)
        .map(|part| {
            let at = part * sorted.len() / BINS;
            between(sorted[at - 1], sorted[at])
        })
        .collect();
    bounds.dedup();
    bounds
}

/// The place of a value among the bounds; the last is that of no value.
fn bin(bounds: &[f64], value: f64) -> u8 {
    if value.is_nan() {
        return u8::MAX;
    }
    let place = bounds.partition_point(|bound| *bound < value);
    u8::try_from(place).unwrap_or(u8::MAX - 1)
}

fn value(tree: &[Node], bins: &[u8]) -> f64 {
    let mut at = 0;
    loop {
        match tree[at] {
            Node::Leaf(value) => return value,
            Node::Split {
                feature,
                bin,
                children,
            } => {
                at = children + usize::from(bins[feature] > bin);
            }
        }
    }
}

/// One tree, and the rows of its leaves; adds what its splits won to that of their features.
fn grow(binned: &[Vec<u8>], left: &[Left], gains: &mut [f64]) -> (Vec<Node>, Vec<Leaf>) {
    let rows: Vec<u32> = (0..left.len() as u32).collect();
    let mut tree = vec![Node::Leaf(0.0)];
    let mut leaves = vec![Leaf {
        node: 0,
        best: best(binned, left, &rows),
        rows,
    }];
    while leaves.len() < LEAVES {
        let gain = |leaf: &Leaf| leaf.best.map_or(0.0, |best| best.gain);
        let widest =
            (0..leaves.len()).max_by(|a, b| gain(&leaves[*a]).total_cmp(&gain(&leaves[*b])));
        let Some((at, split)) = widest.and_then(|at| Some((at, leaves[at].best?))) else {
            break;
        };
        let leaf = leaves.swap_remove(at);
        gains[split.feature] += split.gain;
        let column = &binned[split.feature];
        let (low, high): (Vec<u32>, Vec<u32>) = leaf
            .rows
            .into_iter()
            .partition(|row| column[*row as usize] <= split.bin);
        let children = tree.len();
        tree[leaf.node] = Node::Split {
            feature: split.feature,
            bin: split.bin,
            children,
        };
        for (child, rows) in [low, high].into_iter().enumerate() {
            tree.push(Node::Leaf(0.0));
            leaves.push(Leaf {
                node: children + child,
                best: best(binned, left, &rows),
                rows,
            });
        }
    }
    for leaf in &leaves {
        let sums = Sums::of(left, &leaf.rows);
        let value = match sums.weight > 0.0 {
            true => sums.value / sums.weight,
            false => 0.0,
        };
        tree[leaf.node] = Node::Leaf(RATE * value);
    }
    (tree, leaves)
}

/// The split of some rows that lowers what is left most, if any does.
fn best(binned: &[Vec<u8>], left: &[Left], rows: &[u32]) -> Option<Best> {
    if rows.len() < 2 * LEAST_ROWS {
        return None;
    }
    let whole = Sums::of(left, rows);
    let mut found: Option<Best> = None;
    for (feature, column) in binned.iter().enumerate() {
        let mut bins = [Sums::default(); 256];
        for row in rows {
            bins[usize::from(column[*row as usize])].add(left[*row as usize]);
        }
        let mut low = Sums::default();
        for (number, bin) in bins.iter().enumerate().take(255) {
            if bin.rows == 0 {
                continue;
            }
            low = Sums {
                value: low.value + bin.value,
                weight: low.weight + bin.weight,
                rows: low.rows + bin.rows,
            };
            let high = whole.without(low);
            if !low.may_be_a_leaf() {
                continue;
            }
            if !high.may_be_a_leaf() {
                break;
            }
            let gain = low.gain() + high.gain() - whole.gain();
            if gain > 1e-12 && found.is_none_or(|best| gain > best.gain) {
                found = Some(Best {
                    gain,
                    feature,
                    bin: number as u8,
                });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn unit(n: usize) -> f64 {
        f64::from((n as u32).wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24)
    }

    fn rows(count: usize, offset: usize) -> (Vec<Vec<f64>>, Vec<f64>) {
        let column = |which: usize| -> Vec<f64> {
            (0..count).map(|n| unit((n + offset) * 3 + which)).collect()
        };
        let features = vec![column(0), column(1), column(2)];
        let target = (0..count)
            .map(|n| {
                let step = if features[1][n] > 0.5 { 2.0 } else { 0.0 };
                (6.0 * features[0][n]).sin() + step
            })
            .collect();
        (features, target)
    }

    #[test]
    fn it_follows_a_curve_and_a_step_on_rows_that_it_has_not_seen() {
        let (features, target) = rows(4_000, 0);
        let boosted = Boosted::fit(&features, &target, Objective::SquaredError);
        let (others, truth) = rows(1_000, 50_000);
        let found = boosted.predict(&others);
        let error = found
            .iter()
            .zip(&truth)
            .map(|(a, b)| (a - b).powi(2))
            .sum::<f64>()
            / 1_000.0;
        assert!(error.sqrt() < 0.06, "{}", error.sqrt());
    }

    #[test]
    fn rows_without_a_value_are_apart() {
        let values: Vec<f64> = (0..200)
            .map(|n| if n % 2 == 0 { f64::NAN } else { 1.0 })
            .collect();
        let target: Vec<f64> = (0..200).map(|n| f64::from(n % 2)).collect();
        let boosted = Boosted::fit(&[values], &target, Objective::SquaredError);
        let found = boosted.predict(&[vec![f64::NAN, 1.0]]);
        assert!(found[0] < 0.01 && found[1] > 0.99, "{found:?}");
    }

    #[test]
    fn too_few_rows_give_their_mean() {
        let (features, target) = ([vec![1.0, 2.0, 3.0]], [1.0, 2.0, 6.0]);
        let boosted = Boosted::fit(&features, &target, Objective::SquaredError);
        assert_eq!(boosted.predict(&[vec![9.0]]), [3.0]);
    }

    #[test]
    fn odds_follow_how_often_a_target_is_1() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let values: Vec<f64> = (0..8_000).map(|_| random.random()).collect();
        let target: Vec<f64> = values
            .iter()
            .map(|value| {
                let chance = if *value > 0.5 { 0.9 } else { 0.2 };
                f64::from(u8::from(random.random::<f64>() < chance))
            })
            .collect();
        let boosted = Boosted::fit(&[values], &target, Objective::LogLoss);
        let odds = boosted.predict(&[vec![0.25, 0.75]]);
        let chances: Vec<f64> = odds
            .iter()
            .map(|odds| 1.0 / (1.0 + (-odds).exp()))
            .collect();
        assert!(
            (chances[0] - 0.2).abs() < 0.1 && (chances[1] - 0.9).abs() < 0.1,
            "{chances:?}"
        );
        let all_alike = Boosted::fit(&[vec![1.0; 50]], &[1.0; 50], Objective::LogLoss);
        assert!(all_alike.predict(&[vec![1.0]])[0].is_finite());
    }
}
