use std::borrow::Cow;

/// What is known of each track: typed columns of equal or lesser length than there are rows.
///
/// A column that ends early is missing in the remaining rows.
#[derive(Debug, Clone, Default)]
pub struct Features<'a> {
    rows: usize,
    columns: Vec<Column<'a>>,
}

/// A named column.
#[derive(Debug, Clone)]
pub(crate) struct Column<'a> {
    pub(crate) name: &'a str,
    pub(crate) values: Values<'a>,
}

/// The values of a column.
#[derive(Debug, Clone)]
pub(crate) enum Values<'a> {
    Numeric(Cow<'a, [f32]>),
    Category(Categories<'a>),
    Tags(TagLists<'a>),
    Vectors(Vectors<'a>),
}

/// At most one name per row.
#[derive(Debug, Clone)]
pub(crate) struct Categories<'a> {
    pub(crate) codes: Cow<'a, [u32]>,
    pub(crate) names: Vec<&'a str>,
}

/// Any number of names per row.
#[derive(Debug, Clone)]
pub(crate) struct TagLists<'a> {
    pub(crate) lists: Vec<&'a [u32]>,
    pub(crate) names: Vec<&'a str>,
}

/// A ready-made vector per row.
#[derive(Debug, Clone)]
pub(crate) struct Vectors<'a> {
    pub(crate) dim: usize,
    pub(crate) values: Cow<'a, [f32]>,
}

impl<'a> Features<'a> {
    /// The code of a missing category.
    pub const MISSING: u32 = u32::MAX;

    /// A table of `rows` tracks of which nothing is known yet.
    pub fn new(rows: usize) -> Self {
        Self {
            rows,
            columns: Vec::new(),
        }
    }

    /// How many tracks there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Adds a column of numbers. A number that is not finite is missing.
    ///
    /// # Panics
    ///
    /// If there are more values than rows, or a column of that name already.
    #[must_use]
    pub fn numeric(self, name: &'a str, values: impl Into<Cow<'a, [f32]>>) -> Self {
        let values = values.into();
        self.check_length(name, values.len());
        self.with(name, Values::Numeric(values))
    }

    /// Adds a column with at most one name per row, such as the artist: `codes` index `names`, and
    /// [`MISSING`](Self::MISSING) means that there is none.
    ///
    /// # Panics
    ///
    /// If there are more codes than rows, a code without a name, or a column of that name already.
    #[must_use]
    pub fn category(
        self,
        name: &'a str,
        codes: impl Into<Cow<'a, [u32]>>,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let (codes, names) = (codes.into(), Vec::from_iter(names));
        self.check_length(name, codes.len());
        let known = codes.iter().filter(|&&code| code != Self::MISSING);
        check_codes(name, known, names.len());
        self.with(name, Values::Category(Categories { codes, names }))
    }

    /// Adds a column with any number of names per row, such as tags: one list of indices into `names` per row. A name
    /// listed twice counts twice.
    ///
    /// # Panics
    ///
    /// If there are more lists than rows, a code without a name, or a column of that name already.
    #[must_use]
    pub fn tags(
        self,
        name: &'a str,
        lists: impl IntoIterator<Item = &'a [u32]>,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let (lists, names) = (Vec::from_iter(lists), Vec::from_iter(names));
        self.check_length(name, lists.len());
        check_codes(name, lists.iter().copied().flatten(), names.len());
        self.with(name, Values::Tags(TagLists { lists, names }))
    }

    /// Adds ready-made vectors of `dim` numbers per row; a vector with a number that is not finite is missing.
    ///
    /// # Panics
    ///
    /// If `dim` is 0, the values are not whole vectors or more than there are rows, or there is a column of that name
    /// already.
    #[must_use]
    pub fn vectors(self, name: &'a str, dim: usize, values: impl Into<Cow<'a, [f32]>>) -> Self {
        let values = values.into();
        assert!(
            dim > 0 && values.len().is_multiple_of(dim),
            "column `{name}` has {} values, not vectors of length {dim}",
            values.len()
        );
        self.check_length(name, values.len() / dim);
        self.with(name, Values::Vectors(Vectors { dim, values }))
    }

    /// The values of the column of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&Values<'a>> {
        let column = self.columns.iter().find(|column| column.name == name)?;
        Some(&column.values)
    }

    /// The numbers of the column of that name, if it is numeric.
    pub(crate) fn numbers(&self, name: &str) -> Option<&[f32]> {
        match self.get(name)? {
            Values::Numeric(values) => Some(values),
            Values::Category(_) | Values::Tags(_) | Values::Vectors(_) => None,
        }
    }

    fn with(mut self, name: &'a str, values: Values<'a>) -> Self {
        assert!(self.get(name).is_none(), "column `{name}` is given twice");
        self.columns.push(Column { name, values });
        self
    }

    fn check_length(&self, name: &str, length: usize) {
        assert!(
            length <= self.rows,
            "column `{name}` has {length} values for {} rows",
            self.rows
        );
    }
}

fn check_codes<'c>(name: &str, codes: impl Iterator<Item = &'c u32>, names: usize) {
    for &code in codes {
        assert!(
            (code as usize) < names,
            "column `{name}` has code {code} but {names} names"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "column `tempo` has 3 values for 2 rows")]
    fn a_column_longer_than_the_table_is_refused() {
        let _ = Features::new(2).numeric("tempo", vec![1.0; 3]);
    }

    #[test]
    #[should_panic(expected = "column `artist` has code 1 but 1 names")]
    fn a_code_without_a_name_is_refused() {
        let _ = Features::new(2).category("artist", vec![Features::MISSING, 1], ["Nina"]);
    }

    #[test]
    #[should_panic(expected = "column `tempo` is given twice")]
    fn a_second_column_of_one_name_is_refused() {
        let _ = Features::new(1)
            .numeric("tempo", vec![1.0])
            .numeric("tempo", vec![2.0]);
    }
}
