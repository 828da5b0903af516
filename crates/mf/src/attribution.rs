use faer::{
    Accum, Mat, Par, Side,
    linalg::{
        matmul::matmul,
        solvers::{Llt, Solve},
    },
};

use crate::{Error, FoldIn};

/// What each play of a user contributes to the score of an item: the closed form of implicit ALS (Hu, Koren and Volinsky
/// 2008, equation 7).
///
/// A factor solves `A x = sum over plays j of c_j y_j`, so an item's score is a sum over plays, too:
///
/// ```text
/// x . y_i  =  sum over j of  c_j (y_j . A^-1 y_i)
/// ```
///
/// Works in double precision on the system that [`FoldIn::fold_in`] solves in single precision. For the factor x it found,
/// the sum differs from `x . y_i` by exactly `(A^-1 y_i) . (A x - b)`: by what rounding left of the residual.
#[derive(Debug)]
pub struct Attribution<'a> {
    fold_in: &'a FoldIn,
    plays: Vec<(u32, f64)>,
    /// A = L L'.
    system: Llt<f64>,
}

/// Rows of plays that enter the system at a time.
const BLOCK: usize = 256;

impl FoldIn {
    /// Prepares to attribute the scores of a user with `history`, as in [`fold_in`](Self::fold_in).
    ///
    /// Costs O(n dim^2 + dim^3) for n entries.
    ///
    /// # Errors
    ///
    /// [`Error::NotDefinite`] if the confidences are too large.
    ///
    /// # Panics
    ///
    /// If an item is out of range.
    pub fn attribution(&self, history: &[(u32, f32)]) -> Result<Attribution<'_>, Error> {
        let plays: Vec<(u32, f64)> = self
            .entries(history)
            .map(|(item, confidence)| (item, f64::from(confidence)))
            .collect();
        let system = self.system(&plays);
        let system = system.llt(Side::Lower);
        Ok(Attribution {
            fold_in: self,
            system: system.map_err(|_| Error::NotDefinite { row: 0 })?,
            plays,
        })
    }

    /// A = alpha0 Y'Y + sum of c y y' + lambda I.
    fn system(&self, plays: &[(u32, f64)]) -> Mat<f64> {
        let dim = self.items().columns();
        let pull = self.pull(plays.len());
        let mut system = Mat::from_fn(dim, dim, |row, column| {
            let diagonal = if row == column { pull } else { 0.0 };
            f64::from(self.unobserved()[row * dim + column]) + diagonal
        });
        for plays in plays.chunks(BLOCK) {
            let rooted = Mat::from_fn(dim, plays.len(), |at, play| {
                let (item, confidence) = plays[play];
                confidence.sqrt() * f64::from(self.items().row(item as usize)[at])
            });
            matmul(
                &mut system,
                Accum::Add,
                &rooted,
                rooted.transpose(),
                1.0,
                Par::Seq,
            );
        }
        system
    }
}

impl Attribution<'_> {
    /// The items that were played, with positive strength, in the order of the history.
    pub fn played(&self) -> impl ExactSizeIterator<Item = u32> {
        self.plays.iter().map(|&(item, _)| item)
    }

    /// For each item, what each play contributes to its score, in the order of [`played`](Self::played).
    ///
    /// # Panics
    ///
    /// If an item is out of range.
    pub fn of(&self, items: &[u32]) -> Vec<Vec<f64>> {
        let rows = self.fold_in.items();
        let columns = |of: &dyn Fn(usize) -> u32, count: usize| {
            Mat::from_fn(rows.columns(), count, |at, place| {
                f64::from(rows.row(of(place) as usize)[at])
            })
        };
        let wanted = self
            .system
            .solve(columns(&|place| items[place], items.len()));
        let played = columns(&|place| self.plays[place].0, self.plays.len());
        let mut products = Mat::zeros(self.plays.len(), items.len());
        matmul(
            &mut products,
            Accum::Replace,
            played.transpose(),
            &wanted,
            1.0,
            Par::Seq,
        );
        let weighed = |item: usize| {
            let plays = self.plays.iter().enumerate();
            plays
                .map(|(play, (_, confidence))| confidence * products[(play, item)])
                .collect()
        };
        (0..items.len()).map(weighed).collect()
    }
}
