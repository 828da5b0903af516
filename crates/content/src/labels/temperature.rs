use faer::Mat;

/// Temperatures that are looked at.
const RANGE: (f64, f64) = (1e-3, 1e3);
/// Steps of the search, each of which leaves .618 of the range: 40 leave 6e-8 of the logarithm.
const STEPS: usize = 40;

/// What makes scores into probabilities, `softmax(score / temperature)`: the temperature with the least mean log loss (Guo
/// et al. 2017, "On Calibration of Modern Neural Networks"). It is convex in `1 / temperature`, so that golden section
/// search over its logarithm finds it.
///
/// `scores` has a row for each of `classes`, which were not used to make them.
pub(super) fn fit(scores: &Mat<f64>, classes: &[u32]) -> f64 {
    let ratio = (5.0_f64.sqrt() - 1.0) / 2.0;
    let loss = |logarithm: f64| log_loss(scores, classes, logarithm.exp());
    let (mut low, mut high) = (RANGE.0.ln(), RANGE.1.ln());
    let (mut left, mut right) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut at_left, mut at_right) = (loss(left), loss(right));
    for _ in 0..STEPS {
        // One of both places is that of the next step, too.
        if at_left <= at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - ratio * (high - low);
            at_left = loss(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + ratio * (high - low);
            at_right = loss(right);
        }
    }
    f64::midpoint(low, high).exp()
}

/// The mean of `-ln` of the probability of the true class.
fn log_loss(scores: &Mat<f64>, classes: &[u32], temperature: f64) -> f64 {
    let losses = classes.iter().enumerate().map(|(row, &class)| {
        let largest = largest(scores, row);
        let exponent = |class: usize| (scores[(row, class)] - largest) / temperature;
        let sum: f64 = (0..scores.ncols()).map(|class| exponent(class).exp()).sum();
        sum.ln() - exponent(class as usize)
    });
    losses.sum::<f64>() / classes.len().max(1) as f64
}

/// The probabilities of a row's classes.
pub(super) fn softmax(scores: &Mat<f64>, row: usize, temperature: f64) -> Vec<f64> {
    let largest = largest(scores, row);
    let score = |class: usize| ((scores[(row, class)] - largest) / temperature).exp();
    let scores: Vec<f64> = (0..scores.ncols()).map(score).collect();
    let sum: f64 = scores.iter().sum();
    scores.iter().map(|score| score / sum).collect()
}

fn largest(scores: &Mat<f64>, row: usize) -> f64 {
    let scores = (0..scores.ncols()).map(|class| scores[(row, class)]);
    scores.fold(f64::NEG_INFINITY, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_temperature_is_that_of_the_least_loss() {
        // Of ten rows with a lead of 1, seven are right: the loss is least where a lead of 1 means a probability of .7.
        let scores = Mat::from_fn(10, 2, |_, class| if class == 0 { 1.0 } else { 0.0 });
        let classes: Vec<u32> = (0..10).map(|row| u32::from(row >= 7)).collect();
        let found = fit(&scores, &classes);
        let expected = 1.0 / (0.7_f64 / 0.3).ln();
        // The loss is flat within the root of its rounding.
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        assert!((softmax(&scores, 0, found)[0] - 0.7).abs() < 1e-6);
    }

    #[test]
    fn probabilities_add_up_and_keep_the_order_of_any_scores() {
        let scores = Mat::from_fn(1, 3, |_, class| [1e6, -1e6, 999_999.0][class]);
        let found = softmax(&scores, 0, 0.5);
        assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-15);
        assert!(found[0] > found[2] && found[2] > found[1]);
    }
}
