/// A set of rows as one bit per row: membership in constant time, for conditions that many rows meet.
#[derive(Debug, Clone, Default)]
pub struct Bitmap {
    words: Vec<u64>,
    len: usize,
}

impl Bitmap {
    /// The number of rows in the set.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether `row` is in the set.
    pub fn contains(&self, row: u32) -> bool {
        let word = self.words.get(row as usize / 64);
        word.is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Adds a row.
    pub fn insert(&mut self, row: u32) {
        let word = row as usize / 64;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let bit = 1 << (row % 64);
        self.len += usize::from(self.words[word] & bit == 0);
        self.words[word] |= bit;
    }

    /// The rows in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().enumerate().flat_map(|(at, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros())?;
                rest &= rest - 1;
                Some(at as u32 * 64 + bit)
            })
        })
    }
}

impl FromIterator<u32> for Bitmap {
    fn from_iter<I: IntoIterator<Item = u32>>(rows: I) -> Self {
        let mut bitmap = Self::default();
        for row in rows {
            bitmap.insert(row);
        }
        bitmap
    }
}

/// A short list of rows to leave out, such as the tracks a listener already knows: sorted, without repetition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowList(Vec<u32>);

impl RowList {
    /// The rows in ascending order.
    pub fn as_slice(&self) -> &[u32] {
        &self.0
    }

    /// Whether `row` is listed.
    pub fn contains(&self, row: u32) -> bool {
        self.0.binary_search(&row).is_ok()
    }
}

impl From<Vec<u32>> for RowList {
    fn from(mut rows: Vec<u32>) -> Self {
        rows.sort_unstable();
        rows.dedup();
        Self(rows)
    }
}

impl FromIterator<u32> for RowList {
    fn from_iter<I: IntoIterator<Item = u32>>(rows: I) -> Self {
        rows.into_iter().collect::<Vec<_>>().into()
    }
}

/// Which rows a search may return: the allowed ones (all, unless said otherwise) that are not denied.
///
/// Rows beyond the catalogue are ignored in both.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    allow: Option<&'a Bitmap>,
    deny: &'a [u32],
}

impl<'a> Filter<'a> {
    /// Lets every row through.
    pub fn all() -> Self {
        Self::default()
    }

    /// Lets only these rows through.
    pub fn allowing(self, rows: &'a Bitmap) -> Self {
        Self {
            allow: Some(rows),
            ..self
        }
    }

    /// Leaves these rows out.
    pub fn denying(self, rows: &'a RowList) -> Self {
        Self {
            deny: rows.as_slice(),
            ..self
        }
    }

    /// Whether `row` may be returned.
    pub fn admits(&self, row: u32) -> bool {
        self.allows(row) && !self.denies(row)
    }

    /// How many of `rows` rows may be returned.
    pub fn qualifying(&self, rows: usize) -> usize {
        let allowed = match self.allow {
            None => rows,
            Some(allow) => {
                let beyond = allow.words.len() * 64 > rows;
                if beyond {
                    allow
                        .iter()
                        .take_while(|&row| (row as usize) < rows)
                        .count()
                } else {
                    allow.len()
                }
            }
        };
        let denied = self.deny.iter().filter(|&&row| (row as usize) < rows);
        allowed - denied.filter(|&&row| self.allows(row)).count()
    }

    /// The cheap half of [`admits`](Self::admits).
    pub(crate) fn allows(&self, row: u32) -> bool {
        self.allow.is_none_or(|allow| allow.contains(row))
    }

    /// The other half, by binary search: asked only about rows that would otherwise be returned.
    pub(crate) fn denies(&self, row: u32) -> bool {
        self.deny.binary_search(&row).is_ok()
    }

    pub(crate) fn allowed(&self) -> Option<&'a Bitmap> {
        self.allow
    }

    pub(crate) fn denied(&self) -> usize {
        self.deny.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bitmap_counts_and_lists_each_row_once() {
        let bitmap: Bitmap = [64, 3, 3, 0, 200].into_iter().collect();
        assert_eq!(bitmap.len(), 4);
        assert_eq!(bitmap.iter().collect::<Vec<_>>(), [0, 3, 64, 200]);
        assert!(bitmap.contains(64) && !bitmap.contains(65) && !bitmap.contains(100_000));
    }

    #[test]
    fn qualifying_counts_exactly_the_admitted_rows() {
        let allow: Bitmap = [1, 2, 3, 70, 500].into_iter().collect();
        let deny = RowList::from(vec![500, 2, 2, 9, 80]);
        for filter in [
            Filter::all(),
            Filter::all().allowing(&allow),
            Filter::all().denying(&deny),
            Filter::all().allowing(&allow).denying(&deny),
        ] {
            for rows in [0, 3, 64, 71, 501, 1000] {
                let counted = (0..rows as u32).filter(|&row| filter.admits(row)).count();
                assert_eq!(filter.qualifying(rows), counted);
            }
        }
    }
}
