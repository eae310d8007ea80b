//! Logistic regression of several classes with a quadratic penalty.
//!
//! The loss is convex and smooth, so accelerated gradient descent with the step that its
//! curvature allows (Nesterov 1983) needs no search and always gives the same result.

/// Steps of the descent.
const STEPS: usize = 250;

/// Places and values of a row's numbers that are not 0.
pub(super) type Row = Vec<(usize, f64)>;

/// Weights of a linear head.
#[derive(Debug)]
pub(super) struct Head {
    /// Numbers that it reads, and classes.
    pub(super) width: usize,
    pub(super) classes: usize,
    /// For each number its weights, class by class.
    pub(super) weights: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

impl Head {
    /// Fits the mean loss of the rows `train`, and `penalty` times half the sum of squared
    /// weights. Numbers are scaled so that rows have length 1 on average, which makes a penalty
    /// mean the same for every encoder.
    pub(super) fn fit(
        rows: &[Row],
        labels: &[usize],
        train: &[usize],
        (width, classes): (usize, usize),
        penalty: f64,
    ) -> Self {
        let square = |at: &usize| rows[*at].iter().map(|(_, x)| x * x).sum::<f64>();
        let mean = train.iter().map(square).sum::<f64>() / train.len() as f64;
        let scale = 1.0 / mean.max(1e-12).sqrt();
        let longest = train.iter().map(square).fold(0.0, f64::max) * scale * scale;
        // The softmax's curvature is at most a half; 1 is the bias.
        let step = 1.0 / (0.5 * (longest + 1.0) + penalty);
        // The last place is the bias.
        let mut weights = vec![0.0; (width + 1) * classes];
        let mut ahead = weights.clone();
        let mut gradient = vec![0.0; weights.len()];
        let mut logits = vec![0.0; classes];
        let mut momentum: f64 = 1.0;
        for _ in 0..STEPS {
            for (place, slope) in gradient.iter_mut().enumerate() {
                *slope = if place < width * classes {
                    penalty * ahead[place]
                } else {
                    0.0
                };
            }
            for &at in train {
                logits.copy_from_slice(&ahead[width * classes..]);
                for (place, x) in &rows[at] {
                    for (class, logit) in logits.iter_mut().enumerate() {
                        *logit += x * scale * ahead[place * classes + class];
                    }
                }
                let greatest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = logits.iter().map(|z| (z - greatest).exp()).sum();
                for class in 0..classes {
                    let p = (logits[class] - greatest).exp() / sum;
                    let off = (p - f64::from(u8::from(labels[at] == class))) / train.len() as f64;
                    for (place, x) in &rows[at] {
                        gradient[place * classes + class] += off * x * scale;
                    }
                    gradient[width * classes + class] += off;
                }
            }
            let next = (1.0 + (1.0 + 4.0 * momentum * momentum).sqrt()) / 2.0;
            for (place, slope) in gradient.iter().enumerate() {
                let moved = ahead[place] - step * slope;
                ahead[place] = moved + (momentum - 1.0) / next * (moved - weights[place]);
                weights[place] = moved;
            }
            momentum = next;
        }
        let bias = weights.split_off(width * classes);
        Self {
            width,
            classes,
            weights: weights.into_iter().map(|w| (w * scale) as f32).collect(),
            bias: bias.into_iter().map(|b| b as f32).collect(),
        }
    }

    pub(super) fn logits(&self, row: &Row) -> Vec<f32> {
        let of = |class: usize| {
            let sum = row
                .iter()
                .map(|(place, x)| x * f64::from(self.weights[place * self.classes + class]));
            (f64::from(self.bias[class]) + sum.sum::<f64>()) as f32
        };
        (0..self.classes).map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_is_least_at_the_weights() {
        let x = [-1.5, -0.9, -0.4, 0.3, 1.1, 1.2];
        let mean = x.iter().map(|x| x * x).sum::<f64>() / 6.0;
        let scaled: Vec<Row> = x.iter().map(|x| vec![(0, x / mean.sqrt())]).collect();
        let labels = [0, 0, 1, 0, 1, 1];
        let head = Head::fit(&scaled, &labels, &[0, 1, 2, 3, 4, 5], (1, 2), 0.1);
        let slope = head.weights[1] - head.weights[0];
        let bias = head.bias[1] - head.bias[0];
        // Two weights of ±w/2 have half of the square of one of w.
        let loss = |w: f64, b: f64| {
            let rows = scaled.iter().zip(labels);
            let sum: f64 = rows
                .map(|(row, label)| {
                    let z = w * row[0].1 + b;
                    z.exp().ln_1p() - if label == 1 { z } else { 0.0 }
                })
                .sum();
            sum / 6.0 + 0.1 / 2.0 * w * w / 2.0
        };
        let least = loss(f64::from(slope), f64::from(bias));
        for (dw, db) in [(0.01, 0.0), (-0.01, 0.0), (0.0, 0.01), (0.0, -0.01)] {
            assert!(loss(f64::from(slope) + dw, f64::from(bias) + db) > least);
        }
    }
}
