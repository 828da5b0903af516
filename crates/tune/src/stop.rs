/// Measurements after which a trial is compared with earlier ones. Not sooner: what starts slowly often ends best, strongly
/// regularised factors for one.
const RUNGS: [usize; 2] = [4, 8];
/// So many earlier trials must have got as far.
const PEERS: usize = 4;
/// A trial this close to the best earlier one is never given up for being worse.
const CLOSE: f64 = 0.97;
/// The least relative gain that counts as one.
const GAIN: f64 = 0.001;

/// How long a trial may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Measurements at most.
    pub most: usize,
    /// Measurements in a row without a gain.
    pub without_gain: usize,
}

/// What is to become of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    GoOn,
    /// It has been measured often enough.
    Complete,
    /// It gets no better.
    NoGain,
    /// Earlier trials were much better at this point.
    Worse,
}

/// Judges a trial by its measurements so far, and by all measurements of earlier trials on its level.
pub fn verdict<'a>(
    curve: &[f64],
    peers: impl IntoIterator<Item = &'a [f64]>,
    patience: Patience,
) -> Verdict {
    if curve.len() >= patience.most {
        return Verdict::Complete;
    }
    if since_gain(curve) >= patience.without_gain {
        return Verdict::NoGain;
    }
    if RUNGS.contains(&curve.len()) && is_worse(curve, peers) {
        return Verdict::Worse;
    }
    Verdict::GoOn
}

/// Measurements since the last one that was better than all before.
fn since_gain(curve: &[f64]) -> usize {
    let (mut best, mut at) = (f64::NEG_INFINITY, 0);
    for (place, &score) in curve.iter().enumerate() {
        if place == 0 || score > best + GAIN * best.abs() {
            (best, at) = (score, place + 1);
        }
    }
    curve.len() - at
}

/// Whether most earlier trials were better after as many measurements, the best one clearly.
fn is_worse<'a>(curve: &[f64], peers: impl IntoIterator<Item = &'a [f64]>) -> bool {
    let rung = curve.len();
    let score = highest(curve);
    let peers: Vec<f64> = peers
        .into_iter()
        .filter(|peer| peer.len() >= rung)
        .map(|peer| highest(&peer[..rung]))
        .collect();
    let better = peers.iter().filter(|&&peer| peer > score).count();
    peers.len() >= PEERS && 2 * better > peers.len() && score < CLOSE * highest(&peers)
}

fn highest(scores: &[f64]) -> f64 {
    scores.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        most: 6,
        without_gain: 2,
    };

    fn alone(curve: &[f64]) -> Verdict {
        verdict(curve, [], PATIENCE)
    }

    #[test]
    fn a_trial_goes_on_while_it_gains_and_not_beyond_its_end() {
        assert_eq!(alone(&[]), Verdict::GoOn);
        assert_eq!(alone(&[0.1, 0.2, 0.3]), Verdict::GoOn);
        assert_eq!(alone(&[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]), Verdict::Complete);
        assert_eq!(alone(&[0.1, 0.3, 0.2]), Verdict::GoOn);
        assert_eq!(alone(&[0.1, 0.3, 0.2, 0.25]), Verdict::NoGain);
        assert_eq!(alone(&[0.3, 0.3001, 0.3002]), Verdict::NoGain);
        assert_eq!(alone(&[0.0, 0.0, 0.0]), Verdict::NoGain);
    }

    #[test]
    fn a_trial_that_most_earlier_ones_beat_clearly_is_given_up_at_a_rung() {
        let peers: Vec<Vec<f64>> = [0.2, 0.4, 0.4, 0.4]
            .iter()
            .map(|&end| vec![end / 4.0, end / 3.0, end / 2.0, end])
            .collect();
        let judge = |curve: &[f64], peers: &[Vec<f64>]| {
            verdict(curve, peers.iter().map(Vec::as_slice), PATIENCE)
        };
        assert_eq!(judge(&[0.1, 0.15, 0.2, 0.3], &peers), Verdict::Worse);
        assert_eq!(judge(&[0.1, 0.15, 0.2, 0.39], &peers), Verdict::GoOn);
        assert_eq!(judge(&[0.01, 0.02, 0.03], &peers), Verdict::GoOn);
        assert_eq!(judge(&[0.1, 0.15, 0.2, 0.3], &peers[..3]), Verdict::GoOn);
        // Peers that never got as far say nothing.
        let short: Vec<Vec<f64>> = peers.iter().map(|peer| peer[..3].to_vec()).collect();
        assert_eq!(judge(&[0.1, 0.11, 0.12, 0.13], &short), Verdict::GoOn);
    }
}
