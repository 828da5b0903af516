use std::ops::{Deref, DerefMut};

/// Numbers in a cache line, and in the widest register.
const LINE: usize = 16;

/// Numbers that start at a cache line, so that no register is loaded from two: at the widest registers that would halve the
/// speed of everything.
#[derive(Debug, Default)]
pub(crate) struct Aligned {
    /// Up to a line more numbers than asked for.
    storage: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// `len` zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let storage = vec![0.0_f32; len + LINE];
        let start = storage.as_ptr().align_offset(size_of::<[f32; LINE]>());
        Self {
            // The offset may be unknown to the compiler's interpreter; any start is right, only slower.
            start: start.min(LINE),
            storage,
            len,
        }
    }

    /// Makes room for at least `len` numbers. What was there may be lost.
    pub(crate) fn reserve(&mut self, len: usize) {
        if self.len < len {
            *self = Self::zeros(len);
        }
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.storage[self.start..self.start + self.len]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.storage[self.start..self.start + self.len]
    }
}

impl AsRef<[f32]> for Aligned {
    fn as_ref(&self) -> &[f32] {
        self
    }
}

impl From<&[f32]> for Aligned {
    fn from(numbers: &[f32]) -> Self {
        let mut aligned = Self::zeros(numbers.len());
        aligned.copy_from_slice(numbers);
        aligned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_start_at_a_line_and_stay() {
        for len in [0, 1, 15, 16, 1000, 1 << 20] {
            let mut numbers = Aligned::zeros(len);
            numbers
                .iter_mut()
                .zip(0..)
                .for_each(|(number, k)| *number = k as f32);
            let moved = Box::new(numbers);
            assert_eq!(moved.as_ptr().align_offset(64), 0);
            assert_eq!(moved.len(), len);
            assert!(moved.iter().zip(0..).all(|(&number, k)| number == k as f32));
        }
    }

    #[test]
    fn reserving_more_gives_zeros_and_reserving_less_nothing() {
        let mut numbers = Aligned::from([1.0, 2.0].as_slice());
        numbers.reserve(1);
        assert_eq!(*numbers, [1.0, 2.0]);
        numbers.reserve(3);
        assert_eq!(*numbers, [0.0; 3]);
    }
}
