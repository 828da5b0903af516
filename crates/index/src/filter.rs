use crate::Bitmap;

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

/// The only rows that searches may return, prepared by the index that is searched
/// ([`Exact::allow`](crate::Exact::allow)), and good for that one only.
#[derive(Debug, Clone, Default)]
pub struct Allowed {
    rows: Bitmap,
    // The same by their places in the order of a search.
    places: Bitmap,
}

impl Allowed {
    pub(crate) fn new(rows: Bitmap, places: Bitmap) -> Self {
        Self { rows, places }
    }

    /// The rows, all of which the index has.
    pub fn rows(&self) -> &Bitmap {
        &self.rows
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Keeps the rows that `other` allows too.
    pub fn intersect(&mut self, other: &Self) {
        self.rows.intersect(&other.rows);
        self.places.intersect(&other.places);
    }

    pub(crate) fn places(&self) -> &Bitmap {
        &self.places
    }
}

/// Which rows a search may return: the allowed ones (all, unless said otherwise) that are not denied.
///
/// Denied rows beyond the catalogue are ignored.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    allow: Option<&'a Allowed>,
    deny: &'a [u32],
}

impl<'a> Filter<'a> {
    /// Lets every row through.
    pub fn all() -> Self {
        Self::default()
    }

    /// Lets only these rows through.
    pub fn allowing(self, rows: &'a Allowed) -> Self {
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

    /// How many of `rows` rows, the whole catalogue, may be returned.
    pub fn qualifying(&self, rows: usize) -> usize {
        let allowed = self.allow.map_or(rows, Allowed::len);
        let denied = self.deny.iter().filter(|&&row| (row as usize) < rows);
        allowed - denied.filter(|&&row| self.allows(row)).count()
    }

    /// The cheap half of [`admits`](Self::admits).
    pub(crate) fn allows(&self, row: u32) -> bool {
        self.allow.is_none_or(|allow| allow.rows.contains(row))
    }

    /// The other half, by binary search: asked only about rows that would otherwise be returned.
    pub(crate) fn denies(&self, row: u32) -> bool {
        self.deny.binary_search(&row).is_ok()
    }

    pub(crate) fn allowed(&self) -> Option<&'a Allowed> {
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
    fn qualifying_counts_exactly_the_admitted_rows() {
        let deny = RowList::from(vec![500, 2, 2, 9, 80]);
        for rows in [0, 3, 64, 71, 501, 1000] {
            let listed = [1, 2, 3, 70, 500].into_iter().filter(|&row| row < rows);
            let allow = Allowed::new(listed.collect(), Bitmap::default());
            for filter in [
                Filter::all(),
                Filter::all().allowing(&allow),
                Filter::all().denying(&deny),
                Filter::all().allowing(&allow).denying(&deny),
            ] {
                let counted = (0..rows).filter(|&row| filter.admits(row)).count();
                assert_eq!(filter.qualifying(rows as usize), counted);
            }
        }
    }
}
