/// A number within a range, checked once.
macro_rules! within {
    ($(#[$doc:meta])* $name:ident, $range:expr, $default:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
        pub struct $name(f64);

        impl $name {
            /// The number, unless it is NaN or outside its range.
            pub fn new(number: f64) -> Option<Self> {
                ($range).contains(&number).then_some(Self(number))
            }

            /// The number.
            pub fn get(self) -> f64 {
                self.0
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self($default)
            }
        }
    };
}

within! {
    /// A number from 0 (collaborative only) to 1 (content only).
    ContentWeight, 0.0..=1.0, 0.0
}

within! {
    /// How much seeds count beside a listener of whom something is known: from 0 (not at all) over a half (the default: as
    /// much) to 1 (alone).
    SeedWeight, 0.0..=1.0, 0.5
}

within! {
    /// A number from -1 (what everybody plays) over 0 (no preference, the default) to 1 (what hardly anybody plays).
    Discovery, -1.0..=1.0, 0.0
}

within! {
    /// A number from 0 (by score alone, the default) to 1 (as different from each other as the best candidates are).
    Diversity, 0.0..=1.0, 0.0
}

within! {
    /// How much smooth transitions count beside relevance: from 0 (not at all) over a half (the default: as much) to 1 (alone).
    Smoothness, 0.0..=1.0, 0.5
}

impl ContentWeight {
    /// Collaborative only.
    pub const COLLABORATIVE: Self = Self(0.0);
    /// Content only.
    pub const CONTENT: Self = Self(1.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_outside_their_range_are_none() {
        for wrong in [f64::NAN, f64::INFINITY, -0.1, 1.1] {
            assert_eq!(ContentWeight::new(wrong), None);
            assert_eq!(SeedWeight::new(wrong), None);
            assert_eq!(Diversity::new(wrong), None);
        }
        assert_eq!(Discovery::new(-0.1).map(Discovery::get), Some(-0.1));
        assert_eq!(Discovery::new(-1.1), None);
        assert_eq!(Discovery::default().get(), 0.0);
    }
}
