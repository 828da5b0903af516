use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

/// Parts that rows are dealt into, so that each can be predicted from the others.
#[derive(Debug, Clone)]
pub(super) struct Folds {
    of_row: Vec<u32>,
    count: u32,
}

impl Folds {
    /// Deals the rows of each class in turn, in random order, so that no fold has more than one row above its share of any
    /// class, or of all. `classes` has the class of each row; there are at most as many folds as rows.
    pub(super) fn stratified(classes: &[u32], folds: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut rows: Vec<usize> = (0..classes.len()).collect();
        rows.shuffle(&mut rng);
        rows.sort_by_key(|&row| classes[row]);
        let count = folds.min(rows.len()).max(1) as u32;
        let mut of_row = vec![0; rows.len()];
        for (turn, &row) in rows.iter().enumerate() {
            of_row[row] = (turn % count as usize) as u32;
        }
        Self { of_row, count }
    }

    /// Numbers of the folds.
    pub(super) fn numbers(&self) -> std::ops::Range<u32> {
        0..self.count
    }

    /// The rows outside a fold, which are learned from, and those in it.
    pub(super) fn parted(&self, fold: u32) -> (Vec<usize>, Vec<usize>) {
        (0..self.of_row.len()).partition(|&row| self.of_row[row] != fold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fold_has_its_share_of_every_class() {
        let classes: Vec<u32> = (0..103).map(|row| u32::from(row % 10 < 3)).collect();
        let folds = Folds::stratified(&classes, 10, 7);
        let mut seen = vec![0; classes.len()];
        for fold in folds.numbers() {
            let (learned, tested) = folds.parted(fold);
            assert_eq!(learned.len() + tested.len(), 103);
            assert!((10..=11).contains(&tested.len()));
            // 33 rows have class 1.
            let ones = tested.iter().filter(|&&row| classes[row] == 1).count();
            assert!((3..=4).contains(&ones));
            tested.iter().for_each(|&row| seen[row] += 1);
        }
        assert!(seen.iter().all(|&times| times == 1));
        let again = Folds::stratified(&classes, 10, 7);
        assert_eq!(again.of_row, folds.of_row);
        assert_ne!(Folds::stratified(&classes, 10, 8).of_row, folds.of_row);
    }

    #[test]
    fn there_are_no_more_folds_than_rows() {
        let folds = Folds::stratified(&[0, 0, 1], 10, 1);
        assert_eq!(folds.numbers(), 0..3);
        assert_eq!(folds.parted(1).1.len(), 1);
    }
}
