use std::collections::{HashMap, HashSet};

/// Share of tracks that two lists have in common, relative to the longer one: 1 for equal sets, 0 for disjoint ones. Two
/// empty lists agree.
pub fn overlap(first: &[u32], second: &[u32]) -> f64 {
    let longer = first.len().max(second.len());
    if longer == 0 {
        return 1.0;
    }
    let members: HashSet<u32> = first.iter().copied().collect();
    let common = second
        .iter()
        .filter(|track| members.contains(track))
        .count();
    common as f64 / longer as f64
}

/// Rank-biased overlap of two lists of distinct tracks, extrapolated from their common depth (Webber, Moffat and Zobel
/// 2010, equation 30): how far they agree if reading goes on to the next place with probability `persistence`, which lies
/// strictly between 0 and 1.
///
/// Where one list is longer, its surplus is cut off. Two empty lists agree, an empty and a filled one do not.
pub fn rank_biased_overlap(first: &[u32], second: &[u32], persistence: f64) -> f64 {
    let depth = first.len().min(second.len());
    if depth == 0 {
        return if first.len() == second.len() {
            1.0
        } else {
            0.0
        };
    }
    let (mut in_first, mut in_second) = (HashSet::new(), HashSet::new());
    let mut common = 0_usize;
    let mut agreement = 0.0;
    let mut sum = 0.0;
    let mut weight = 1.0;
    for (place, (&a, &b)) in first.iter().zip(second).enumerate() {
        in_first.insert(a);
        in_second.insert(b);
        common += usize::from(a == b)
            + usize::from(a != b && in_second.contains(&a))
            + usize::from(a != b && in_first.contains(&b));
        agreement = common as f64 / (place + 1) as f64;
        sum += (1.0 - persistence) * weight * agreement;
        weight *= persistence;
    }
    sum + agreement * weight
}

/// Kendall's tau of the tracks that two lists of distinct tracks have in common: 1 where all pairs of them are in the same
/// order, -1 where all are in opposite ones. `None` of fewer than two common tracks.
pub fn kendall_tau(first: &[u32], second: &[u32]) -> Option<f64> {
    let places: HashMap<u32, usize> = (second.iter().copied()).zip(0..).collect();
    let common: Vec<usize> = first
        .iter()
        .filter_map(|track| places.get(track).copied())
        .collect();
    let pairs = common.len() * common.len().saturating_sub(1) / 2;
    let ordered = |place: usize| {
        common[place + 1..]
            .iter()
            .filter(|&&later| later > common[place])
            .count()
    };
    let agreeing: usize = (0..common.len()).map(ordered).sum();
    (pairs > 0).then(|| 2.0 * agreeing as f64 / pairs as f64 - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tau_of_the_common_tracks() {
        assert_eq!(kendall_tau(&[1, 2, 3], &[1, 2, 3]), Some(1.0));
        assert_eq!(kendall_tau(&[1, 2, 3], &[3, 2, 1]), Some(-1.0));
        // 7 and 9 are in one list each; of the pairs of 1, 2 and 3 only (2, 3) is in another order.
        let tau = kendall_tau(&[1, 7, 2, 3], &[1, 3, 9, 2]).unwrap();
        assert!((tau - 1.0 / 3.0).abs() < 1e-15);
        assert_eq!(kendall_tau(&[1, 2], &[2, 3]), None);
        assert_eq!(kendall_tau(&[], &[]), None);
    }

    #[test]
    fn equal_lists_agree_and_disjoint_ones_do_not() {
        // The weights form a geometric series whose sum is 1 up to one rounding per term.
        let rounding = 8.0 * f64::EPSILON;
        assert!((rank_biased_overlap(&[1, 2, 3], &[1, 2, 3], 0.9) - 1.0).abs() < rounding);
        assert_eq!(rank_biased_overlap(&[1, 2], &[3, 4], 0.9), 0.0);
        assert_eq!(overlap(&[1, 2], &[2, 1]), 1.0);
        assert_eq!(overlap(&[1, 2], &[3, 4]), 0.0);
        assert_eq!(overlap(&[], &[]), 1.0);
        assert_eq!(overlap(&[1], &[]), 0.0);
    }

    #[test]
    fn a_swap_computed_by_hand() {
        // Depth 1: nothing in common; depth 2: both.
        let expected = 0.5 * 0.5 * 1.0 + 0.5 * 0.5;
        assert_eq!(rank_biased_overlap(&[1, 2], &[2, 1], 0.5), expected);
    }

    #[test]
    fn agreement_at_the_top_counts_most() {
        let list = [1, 2, 3, 4];
        let top = rank_biased_overlap(&list, &[1, 2, 8, 9], 0.9);
        let bottom = rank_biased_overlap(&list, &[8, 9, 3, 4], 0.9);
        assert!(top > bottom);
    }
}
