/// The places of the `count` largest values, in no particular order; of equal values the earlier ones, and all places where
/// there are not as many.
pub(crate) fn largest(values: &[f32], count: usize) -> Vec<u32> {
    let places = 0..values.len() as u32;
    if count >= values.len() {
        return places.collect();
    }
    // Numbers that are compared as they are can be parted without a branch for each.
    let key = |(place, &value): (u32, &f32)| u64::from(falling(value)) << 32 | u64::from(place);
    let mut keys: Vec<u64> = places.zip(values).map(key).collect();
    keys.select_nth_unstable(count);
    keys.truncate(count);
    keys.into_iter().map(|key| key as u32).collect()
}

/// A number that falls as the value rises, in the order of [`f32::total_cmp`].
fn falling(value: f32) -> u32 {
    let bits = value.to_bits();
    match bits >> 31 {
        0 => !bits & 0x7fff_ffff,
        _ => bits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_are_those_of_a_sorted_list() {
        let values: Vec<f32> = (0..500_u32)
            .map(|n| (n.wrapping_mul(0x9e37_79b1) >> 24) as f32 - 100.0)
            .chain([
                f32::NEG_INFINITY,
                f32::INFINITY,
                0.0,
                -0.0,
                f32::MIN_POSITIVE,
            ])
            .collect();
        let mut sorted: Vec<u32> = (0..values.len() as u32).collect();
        let value = |place: &u32| values[*place as usize];
        sorted.sort_by(|a, b| value(b).total_cmp(&value(a)));
        for count in [0, 1, 7, 250, 504, 505, 9_999] {
            let mut expected = sorted[..count.min(sorted.len())].to_vec();
            expected.sort_unstable();
            let mut found = largest(&values, count);
            found.sort_unstable();
            assert_eq!(found, expected);
        }
    }
}
