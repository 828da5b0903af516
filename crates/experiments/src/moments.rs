//! Means, variances and covariances of users, and what follows for a ratio of means.

/// What one user adds to a metric that is a ratio of means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// What is counted: tracks played, milliseconds waited.
    pub numerator: f64,
    /// By what it is divided: 1 for a mean over users, the number of lists for a mean over lists.
    pub denominator: f64,
    /// Something known of the user before the experiment could change it, such as past activity; equal for all where there is
    /// nothing.
    pub covariate: f64,
}

/// Count, means and centred sums of products of observations, updated one by one (Welford 1962).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Moments {
    pub(crate) users: u64,
    /// Of numerator, denominator and covariate.
    mean: [f64; 3],
    products: [[f64; 3]; 3],
}

impl Moments {
    pub(crate) fn add(&mut self, observation: &Observation) {
        self.users += 1;
        let value = [
            observation.numerator,
            observation.denominator,
            observation.covariate,
        ];
        let before: [f64; 3] = std::array::from_fn(|at| value[at] - self.mean[at]);
        for (mean, change) in self.mean.iter_mut().zip(before) {
            *mean += change / self.users as f64;
        }
        for (row, before) in self.products.iter_mut().zip(before) {
            for (at, product) in row.iter_mut().enumerate() {
                *product += before * (value[at] - self.mean[at]);
            }
        }
    }

    /// The ratio of means; `None` without a denominator.
    pub(crate) fn ratio(&self) -> Option<f64> {
        (self.mean[1] > 0.0).then(|| self.mean[0] / self.mean[1])
    }

    /// The ratio as a mean over users: by the delta method it behaves like the mean of
    /// `(numerator - ratio * denominator) / mean denominator`.
    fn linear(&self) -> Option<Linear> {
        let ratio = self.ratio()?;
        let [numerator, denominator, covariate] = self.products;
        let of = |first: f64, second: f64| first - ratio * second;
        let scale = self.mean[1];
        Some(Linear {
            users: self.users as f64,
            ratio,
            variance: of(
                of(numerator[0], numerator[1]),
                of(numerator[1], denominator[1]),
            )
            .max(0.0)
                / (scale * scale),
            with_covariate: of(numerator[2], denominator[2]) / scale,
            covariate_mean: self.mean[2],
            covariate_variance: covariate[2],
        })
    }
}

/// A metric that is a mean over users, or behaves like one; variances and covariances are sums over users.
struct Linear {
    users: f64,
    ratio: f64,
    variance: f64,
    with_covariate: f64,
    covariate_mean: f64,
    covariate_variance: f64,
}

impl Linear {
    /// The variance of the mean once `slope` times the covariate is taken off.
    fn error(&self, slope: f64) -> f64 {
        let left = self.variance - 2.0 * slope * self.with_covariate
            + slope * slope * self.covariate_variance;
        left.max(0.0) / (self.users * (self.users - 1.0).max(1.0))
    }
}

/// An estimate of which only its error is left to chance: approximately normal with a variance that is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// The variance of the estimate.
    pub variance: f64,
    /// How many users it rests on.
    pub users: u64,
}

impl Estimate {
    /// A ratio of means.
    pub(crate) fn of(moments: &Moments) -> Option<Self> {
        let linear = moments.linear()?;
        Some(Self {
            value: linear.ratio,
            variance: linear.error(0.0),
            users: moments.users,
        })
    }

    /// By how much the ratio of `treated` is above that of `control`, what their users' covariates explain taken off (CUPED, Deng
    /// et al. 2013, with one slope for both), and the control's ratio.
    pub(crate) fn difference(control: &Moments, treated: &Moments) -> Option<Contrast> {
        let (a, b) = (control.linear()?, treated.linear()?);
        let spread = a.covariate_variance + b.covariate_variance;
        let slope = match spread > 0.0 {
            true => (a.with_covariate + b.with_covariate) / spread,
            false => 0.0,
        };
        let shift = slope * (b.covariate_mean - a.covariate_mean);
        Some(Contrast {
            control: a.ratio,
            control_error: a.error(slope),
            difference: b.ratio - a.ratio - shift,
            treated_error: b.error(slope),
            users: control.users + treated.users,
        })
    }
}

/// Two arms' metric.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contrast {
    pub(crate) control: f64,
    control_error: f64,
    difference: f64,
    treated_error: f64,
    users: u64,
}

impl Contrast {
    pub(crate) fn absolute(&self) -> Estimate {
        Estimate {
            value: self.difference,
            variance: self.control_error + self.treated_error,
            users: self.users,
        }
    }

    /// As a share of the control's (delta method); `None` where that is not positive.
    pub(crate) fn relative(&self) -> Option<Estimate> {
        let control = self.control;
        let factor = 1.0 + self.difference / control;
        (control > 0.0).then(|| Estimate {
            value: self.difference / control,
            variance: (self.treated_error + factor * factor * self.control_error)
                / (control * control),
            users: self.users,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(values: &[(f64, f64, f64)]) -> Moments {
        let mut moments = Moments::default();
        for &(numerator, denominator, covariate) in values {
            moments.add(&Observation {
                numerator,
                denominator,
                covariate,
            });
        }
        moments
    }

    #[test]
    fn a_mean_has_the_variance_of_the_textbook() {
        let found = Estimate::of(&moments(&[
            (1.0, 1.0, 0.0),
            (2.0, 1.0, 0.0),
            (6.0, 1.0, 0.0),
        ]))
        .unwrap();
        // Variance 7 of three values.
        assert_eq!((found.value, found.users), (3.0, 3));
        assert!((found.variance - 7.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn a_ratio_has_the_variance_of_its_residuals() {
        let values = [
            (1.0, 2.0, 0.0),
            (3.0, 1.0, 0.0),
            (2.0, 5.0, 0.0),
            (0.0, 4.0, 0.0),
        ];
        let found = Estimate::of(&moments(&values)).unwrap();
        let ratio = 6.0 / 12.0;
        let residuals: f64 = values.iter().map(|(n, d, _)| (n - ratio * d).powi(2)).sum();
        assert_eq!(found.value, ratio);
        assert!((found.variance - residuals / 9.0 / 3.0 / 4.0).abs() < 1e-12);
        assert_eq!(Estimate::of(&moments(&[(1.0, 0.0, 0.0)])), None);
    }

    #[test]
    fn what_the_covariate_explains_is_taken_off() {
        // The metric is twice the covariate, and one more in the treated arm, whose users were more active before.
        let control = moments(&[(2.0, 1.0, 1.0), (4.0, 1.0, 2.0), (6.0, 1.0, 3.0)]);
        let treated = moments(&[(5.0, 1.0, 2.0), (7.0, 1.0, 3.0), (11.0, 1.0, 5.0)]);
        let found = Estimate::difference(&control, &treated).unwrap().absolute();
        assert!((found.value - 1.0).abs() < 1e-12, "{found:?}");
        assert!(found.variance < 1e-12, "{found:?}");
        let relative = Estimate::difference(&control, &treated)
            .unwrap()
            .relative()
            .unwrap();
        assert!((relative.value - 0.25).abs() < 1e-12);
    }
}
