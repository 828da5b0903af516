use crossfade_matrix::Dense;

use super::{Taste, TasteConfig, Weight};

/// A taste of its own has so many tracks at least: one track is not a taste.
const FEWEST_TRACKS: usize = 2;
/// So many tracks, evenly spread over a longer history, tell where its groups lie.
const SAMPLE: usize = 128;
/// Rounds of assigning tracks to centres; groups of a few dozen tracks settle sooner.
const ROUNDS: usize = 10;
/// Sums kept side by side, so that no addition waits for the one before.
const LANES: usize = 8;

/// The tastes of a listener whose tracks form groups: `(t + mu m_k) / (1 + mu)`, where `t` is the taste of all tracks, `m_k` that of
/// a group, and `mu` [`TasteConfig::mode_weight`]. The largest of their scores is that of the whole, and of the group that a
/// track suits best. None where there are no two groups.
pub(super) fn modes(
    embeddings: &Dense,
    weights: &[Weight],
    whole: &Taste,
    config: &TasteConfig,
) -> Vec<Taste> {
    let most = config.modes.min(weights.len() / FEWEST_TRACKS);
    if most < 2 {
        return Vec::new();
    }
    let groups = groups(embeddings, weights, most);
    let groups = groups
        .iter()
        .filter(|group| group.len() >= FEWEST_TRACKS)
        .filter_map(|group| Taste::of(embeddings, group));
    let tastes: Vec<Taste> = groups
        .map(|group| whole.beside(&group, config.mode_weight))
        .collect();
    match tastes.len() {
        0 | 1 => Vec::new(),
        _ => tastes,
    }
}

/// Parts the tracks by the centre that they are most like (spherical k-means; Dhillon and Modha 2001). Centres begin at the
/// tracks that weigh most and are least like the centres before, so that nothing is left to chance.
fn groups(embeddings: &Dense, weights: &[Weight], most: usize) -> Vec<Vec<Weight>> {
    let step = weights.len().div_ceil(SAMPLE);
    let sample: Vec<Weight> = weights.iter().step_by(step).copied().collect();
    let mut centres = seeds(embeddings, &sample, most);
    let mut assigned = Vec::new();
    for _ in 0..ROUNDS {
        let next: Vec<usize> = sample
            .iter()
            .map(|weight| nearest(&centres, embeddings.row(weight.track as usize)))
            .collect();
        if next == assigned {
            break;
        }
        assigned = next;
        for (place, centre) in centres.iter_mut().enumerate() {
            let group = sample.iter().zip(&assigned);
            let group = group.filter(|&(_, &group)| group == place);
            let group: Vec<Weight> = group.map(|(&weight, _)| weight).collect();
            if let Some(mean) = Taste::of(embeddings, &group) {
                *centre = mean.vector;
            }
        }
    }
    let mut groups = vec![Vec::new(); centres.len()];
    for &weight in weights {
        let row = embeddings.row(weight.track as usize);
        groups[nearest(&centres, row)].push(weight);
    }
    groups
}

fn seeds(embeddings: &Dense, sample: &[Weight], most: usize) -> Vec<Vec<f32>> {
    let mut centres: Vec<Vec<f32>> = Vec::with_capacity(most);
    // How far each track is from the nearest centre: 1 - cosine, and the same for all before there is any.
    let mut far = vec![1.0_f64; sample.len()];
    while centres.len() < most {
        let worth = |place: usize| sample[place].weight * far[place];
        let mut best = 0;
        for place in 1..sample.len() {
            if worth(place) > worth(best) {
                best = place;
            }
        }
        if worth(best) <= f64::from(f32::EPSILON) {
            break;
        }
        let centre = embeddings.row(sample[best].track as usize).to_vec();
        for (weight, far) in sample.iter().zip(&mut far) {
            let likeness = dot(&centre, embeddings.row(weight.track as usize));
            *far = far.min((1.0 - f64::from(likeness)).max(0.0));
        }
        centres.push(centre);
    }
    centres
}

/// The centre with the largest product; the first of equals.
fn nearest(centres: &[Vec<f32>], row: &[f32]) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (place, centre) in centres.iter().enumerate() {
        let likeness = dot(centre, row);
        if likeness > best.1 {
            best = (place, likeness);
        }
    }
    best.0
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, last_of_a), (b, last_of_b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0_f32; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let last = last_of_a.iter().zip(last_of_b).map(|(a, b)| a * b);
    sums.iter().sum::<f32>() + last.sum::<f32>()
}
