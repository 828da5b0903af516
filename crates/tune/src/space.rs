/// How an axis is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Equal steps.
    Linear,
    /// Equal factors; both ends are positive.
    Log,
    /// Equal factors of 1 + value; both ends are 0 or more.
    LogOnePlus,
}

/// One quantity and the range it is looked for in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axis {
    low: f64,
    high: f64,
    scale: Scale,
}

impl Axis {
    /// The range from `low` to `high`.
    ///
    /// # Panics
    ///
    /// If the range is empty or a single value, or its scale does not reach its ends.
    pub fn new(low: f64, high: f64, scale: Scale) -> Self {
        let axis = Self { low, high, scale };
        let (from, to) = (axis.stretched(low), axis.stretched(high));
        assert!(
            from.is_finite() && to.is_finite() && from < to,
            "no {scale:?} range from {low} to {high}"
        );
        axis
    }

    fn stretched(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => value,
            Scale::Log => value.ln(),
            Scale::LogOnePlus => value.ln_1p(),
        }
    }

    /// The value at `place` of the way.
    fn value(&self, place: f64) -> f64 {
        let (from, to) = (self.stretched(self.low), self.stretched(self.high));
        let stretched = from + (to - from) * place;
        match self.scale {
            Scale::Linear => stretched,
            Scale::Log => stretched.exp(),
            Scale::LogOnePlus => stretched.exp_m1(),
        }
    }

    fn place(&self, value: f64) -> f64 {
        let (from, to) = (self.stretched(self.low), self.stretched(self.high));
        (self.stretched(value) - from) / (to - from)
    }
}

/// Where to look: every place is a point of the unit cube, one coordinate for each axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Space {
    axes: Vec<Axis>,
}

impl Space {
    /// The product of the axes. Without any there is a single place.
    pub fn new(axes: Vec<Axis>) -> Self {
        Self { axes }
    }

    /// How many axes there are.
    pub fn axes(&self) -> usize {
        self.axes.len()
    }

    /// The values at a place.
    ///
    /// # Panics
    ///
    /// If the place does not have one coordinate for each axis.
    pub fn values(&self, at: &[f64]) -> Vec<f64> {
        assert_eq!(at.len(), self.axes.len(), "one coordinate for each axis");
        let axes = self.axes.iter().zip(at);
        axes.map(|(axis, &place)| axis.value(place)).collect()
    }

    /// The place of some values. It lies outside the cube where they are outside their ranges.
    ///
    /// # Panics
    ///
    /// If there is not one value for each axis.
    pub fn place(&self, values: &[f64]) -> Vec<f64> {
        assert_eq!(values.len(), self.axes.len(), "one value for each axis");
        let axes = self.axes.iter().zip(values);
        axes.map(|(axis, &value)| axis.place(value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_places_are_inverse_and_reach_both_ends() {
        let space = Space::new(vec![
            Axis::new(-1.0, 3.0, Scale::Linear),
            Axis::new(0.01, 100.0, Scale::Log),
            Axis::new(0.0, 30.0, Scale::LogOnePlus),
        ]);
        for (place, expected) in [
            (0.0, [-1.0, 0.01, 0.0]),
            (0.5, [1.0, 1.0, 31_f64.sqrt() - 1.0]),
            (1.0, [3.0, 100.0, 30.0]),
        ] {
            let values = space.values(&[place; 3]);
            for (value, expected) in values.iter().zip(expected) {
                assert!((value - expected).abs() < 1e-12, "{value} at {place}");
            }
            for back in space.place(&values) {
                assert!((back - place).abs() < 1e-12);
            }
        }
    }

    #[test]
    #[should_panic(expected = "no Log range from 0 to 1")]
    fn a_range_that_its_scale_does_not_reach_is_refused() {
        Axis::new(0.0, 1.0, Scale::Log);
    }
}
