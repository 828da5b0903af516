use crossfade_matrix::Dense;
use rayon::prelude::*;

use crate::{
    bound::Slack,
    codes::{CodedQuery, Codes, Estimates},
    distinct::{Distinct, Table},
    integer::{Asked, LANES},
};

/// A block's copy in the order of a search.
#[derive(Debug, Clone)]
pub(crate) enum Coded {
    /// One code per row.
    Rows(Codes),
    /// One code per distinct vector.
    Distinct(Distinct),
    /// A block of one column, as it is.
    Column(Column),
}

/// The values of one column, filled up to whole lane groups with zeros.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    values: Vec<f32>,
    // Per group, the largest magnitude in it and all that follow.
    ahead: Vec<f32>,
}

/// A block and what the query multiplies it by.
#[derive(Debug)]
pub(crate) enum Part<'a> {
    Rows(&'a Codes, CodedQuery),
    Distinct(&'a Distinct, Table),
    Column(&'a Column, f32, CodedQuery),
}

impl Coded {
    /// Copies a block's rows in this order. Where vectors may `repeat`, it is found out whether they do.
    pub(crate) fn new(block: &Dense, order: &[u32], repeat: bool) -> Self {
        let vector = |at: usize| block.row(order[at] as usize);
        if block.columns() == 1 {
            let values = order.par_iter().map(|&row| block.row(row as usize)[0]);
            return Self::Column(Column::new(values.collect()));
        }
        match repeat.then(|| Distinct::find(block, order)).flatten() {
            Some(distinct) => Self::Distinct(distinct),
            None => Self::Rows(Codes::new(block.columns(), order.len(), vector)),
        }
    }

    /// Prepares for a query; `None` if it is too long or too short to be coded.
    pub(crate) fn part(
        &self,
        values: &[f32],
        norm: f64,
        slack: (Slack, usize),
    ) -> Option<Part<'_>> {
        let query = CodedQuery::new(values, norm, slack)?;
        Some(match self {
            Self::Rows(codes) => Part::Rows(codes, query),
            Self::Distinct(distinct) => Part::Distinct(distinct, distinct.table(&query)),
            Self::Column(column) => Part::Column(column, values[0], query),
        })
    }
}

impl Part<'_> {
    /// Whether [`ahead`](Self::ahead) is a good bound by itself, because what it bounds falls in the order of the search.
    pub(crate) fn falls(&self) -> bool {
        matches!(self, Self::Rows(codes, _) if codes.falls())
    }

    /// The distinct vectors and their products, if that is what the block has.
    pub(crate) fn distinct(&self) -> Option<(&Distinct, &Table)> {
        match self {
            Self::Distinct(distinct, table) => Some((distinct, table)),
            Self::Rows(..) | Self::Column(..) => None,
        }
    }

    /// At least the product of every row of this group and those after it.
    #[inline(always)]
    pub(crate) fn ahead(&self, group: usize) -> f32 {
        match self {
            Self::Rows(codes, query) => codes.ahead(group) * query.of_reach(),
            Self::Distinct(_, table) => table.most(),
            Self::Column(column, _, query) => column.ahead[group] * query.of_reach(),
        }
    }

    /// At least the product of each row of a group, without reading any code of it.
    #[inline(always)]
    pub(crate) fn reach(&self, group: usize) -> [f32; LANES] {
        match self {
            Self::Rows(codes, query) => codes.reach(query, group),
            Self::Distinct(distinct, table) => distinct.upper(table, group),
            Self::Column(column, value, query) => column.estimate(*value, query, group).upper,
        }
    }

    /// Which rows of the groups asked about may have a product of what is asked of them, one bit each. Leaves `found` as it is
    /// where only [`estimate`](Self::estimate) can tell.
    pub(crate) fn reaching(&self, asked: &[Asked], found: &mut [u16]) {
        match self {
            Self::Rows(codes, query) => codes.reaching(query, asked, found),
            Self::Distinct(..) | Self::Column(..) => {}
        }
    }

    /// The estimates of a group.
    #[inline(always)]
    pub(crate) fn estimate(&self, group: usize) -> Estimates {
        match self {
            Self::Rows(codes, query) => codes.estimate(query, group),
            Self::Distinct(distinct, table) => distinct.estimate(table, group),
            Self::Column(column, value, query) => column.estimate(*value, query, group),
        }
    }
}

impl Column {
    fn new(mut values: Vec<f32>) -> Self {
        values.resize(values.len().next_multiple_of(LANES), 0.0);
        let magnitudes = values.iter().map(|value| value.abs());
        let ahead = largest_ahead(&magnitudes.collect::<Vec<_>>());
        Self { values, ahead }
    }

    /// The products themselves; only computing them can be off.
    #[inline(always)]
    fn estimate(&self, value: f32, query: &CodedQuery, group: usize) -> Estimates {
        let mut found = Estimates::default();
        let values = &self.values[group * LANES..][..LANES];
        for (lane, &own) in values.iter().enumerate() {
            found.bound[lane] = own.abs() * query.of_length();
            found.upper[lane] = value * own + found.bound[lane];
        }
        found
    }
}

/// Per lane group, the largest of its values and of all that follow.
pub(crate) fn largest_ahead(values: &[f32]) -> Vec<f32> {
    let mut ahead: Vec<f32> = values
        .par_chunks(LANES)
        .map(|group| group.iter().copied().fold(0.0, f32::max))
        .collect();
    for at in (1..ahead.len()).rev() {
        ahead[at - 1] = ahead[at - 1].max(ahead[at]);
    }
    ahead
}
