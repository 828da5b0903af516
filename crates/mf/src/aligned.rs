use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;

/// Numbers in a cache line, and in the widest register.
const LINE: usize = 16;

/// From how many numbers on memory is asked of the system in large pages: 4 MiB of them.
const LARGE: usize = 1 << 20;

/// Numbers that start at a cache line, so that no register is loaded from two: at the widest registers that would halve the
/// speed of everything.
///
/// Many numbers lie in large pages where the system has them. Factors are read in no order, and with small pages nearly
/// every one of them would need its address looked up anew.
#[derive(Debug, Default)]
pub(crate) struct Aligned {
    storage: Storage,
    len: usize,
}

#[derive(Debug)]
enum Storage {
    /// Up to a line more numbers than asked for, and where the first lies.
    Heap(Vec<f32>, usize),
    /// Pages of our own.
    Pages(MmapMut),
}

impl Default for Storage {
    fn default() -> Self {
        Self::Heap(Vec::new(), 0)
    }
}

impl Aligned {
    /// `len` zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let storage = match len {
            LARGE.. => pages(len).map_or_else(|| heap(len), Storage::Pages),
            _ => heap(len),
        };
        Self { storage, len }
    }

    /// Makes room for at least `len` numbers. What was there may be lost.
    pub(crate) fn reserve(&mut self, len: usize) {
        if self.len < len {
            *self = Self::zeros(len);
        }
    }
}

fn heap(len: usize) -> Storage {
    let numbers = vec![0.0_f32; len + LINE];
    let start = numbers.as_ptr().align_offset(size_of::<[f32; LINE]>());
    // The offset may be unknown to an interpreter; any start is right, only slower.
    Storage::Heap(numbers, start.min(LINE))
}

/// Zeroed pages, large ones if there are any; `None` where the system gives none.
fn pages(len: usize) -> Option<MmapMut> {
    let pages = MmapMut::map_anon(len * size_of::<f32>()).ok()?;
    #[cfg(target_os = "linux")]
    {
        // A wish: without it everything works, only slower.
        let _ = pages.advise(memmap2::Advice::HugePage);
    }
    Some(pages)
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &self.storage {
            Storage::Heap(numbers, start) => &numbers[*start..start + self.len],
            Storage::Pages(pages) => &bytemuck::cast_slice(pages)[..self.len],
        }
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        match &mut self.storage {
            Storage::Heap(numbers, start) => &mut numbers[*start..*start + self.len],
            Storage::Pages(pages) => &mut bytemuck::cast_slice_mut(pages)[..self.len],
        }
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
        for len in [0, 1, 15, 16, 1000, LARGE - 1, LARGE, LARGE + 3] {
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
