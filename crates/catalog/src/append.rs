use crate::{CategoryColumn, NumericColumn, ProvidedEmbedding, TagColumn, TextColumn, TrackTable};

impl TrackTable {
    /// Appends some rows of another table. Tracks that either table knows nothing of in a column are missing there.
    ///
    /// # Panics
    ///
    /// If a row is out of range, its id is in this table already, or both tables have vectors of different lengths.
    pub fn append(&mut self, other: &Self, rows: &[u32]) {
        let before = self.len();
        for (place, &row) in rows.iter().enumerate() {
            let index = self.ids.intern(other.ids.id(row));
            assert_eq!(index as usize, before + place, "a track is in one table");
        }
        let part = Part { before, rows };
        part.text(&mut self.title, &other.title);
        part.category(&mut self.artist, &other.artist);
        part.category(&mut self.album, &other.album);
        part.category(&mut self.genre, &other.genre);
        part.tags(&mut self.tags, &other.tags);
        part.tags(&mut self.markets, &other.markets);
        part.values(&mut self.year, &other.year, None);
        part.values(&mut self.explicit, &other.explicit, None);
        part.values(&mut self.duration_ms, &other.duration_ms, None);
        for column in &other.features {
            let place = self.features.iter().position(|own| own.name == column.name);
            let place = place.unwrap_or_else(|| {
                self.features.push(NumericColumn {
                    name: column.name.clone(),
                    values: Vec::new(),
                });
                self.features.len() - 1
            });
            part.values(&mut self.features[place].values, &column.values, f32::NAN);
        }
        if let Some(vectors) = &other.embedding {
            part.vectors(&mut self.embedding, vectors);
        }
    }
}

/// Rows of another table that come behind the first `before` rows of this one.
#[derive(Clone, Copy)]
struct Part<'a> {
    before: usize,
    rows: &'a [u32],
}

impl Part<'_> {
    fn text(self, own: &mut TextColumn, other: &TextColumn) {
        if !other.is_empty() {
            (own.len()..self.before).for_each(|_| own.push(None));
            self.rows.iter().for_each(|&row| own.push(other.get(row)));
        }
    }

    fn category(self, own: &mut CategoryColumn, other: &CategoryColumn) {
        if !other.is_empty() {
            (own.len()..self.before).for_each(|_| own.push(None));
            self.rows.iter().for_each(|&row| own.push(other.get(row)));
        }
    }

    fn tags(self, own: &mut TagColumn, other: &TagColumn) {
        if !other.is_empty() {
            (own.len()..self.before).for_each(|_| own.push([]));
            self.rows.iter().for_each(|&row| own.push(other.get(row)));
        }
    }

    fn values<T: Copy>(self, own: &mut Vec<T>, other: &[T], missing: T) {
        if !other.is_empty() {
            own.resize(self.before, missing);
            let value = |&row: &u32| other.get(row as usize).copied().unwrap_or(missing);
            own.extend(self.rows.iter().map(value));
        }
    }

    fn vectors(self, own: &mut Option<ProvidedEmbedding>, other: &ProvidedEmbedding) {
        let dim = other.dim;
        let own = own.get_or_insert_with(|| ProvidedEmbedding {
            dim,
            values: Vec::new(),
        });
        assert_eq!(own.dim, dim, "vectors of one length");
        own.values.resize(self.before * dim, f32::NAN);
        for &row in self.rows {
            let start = row as usize * dim;
            match other.values.get(start..start + dim) {
                Some(vector) => own.values.extend_from_slice(vector),
                None => own.values.resize(own.values.len() + dim, f32::NAN),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(ids: &[&str], artists: &[Option<&str>]) -> TrackTable {
        let mut table = TrackTable {
            ids: ids.iter().copied().collect(),
            ..TrackTable::default()
        };
        artists.iter().for_each(|&artist| table.artist.push(artist));
        table
    }

    #[test]
    fn appended_rows_keep_what_is_known_of_them_and_others_stay_as_they_were() {
        let mut first = table(&["a", "b", "c"], &[Some("Nina"), None]);
        first.year = vec![Some(1999)];
        let mut second = table(&["d", "b", "e"], &[Some("Joni"), Some("x"), Some("Nina")]);
        second.tags.push(["folk"]);
        second.features.push(NumericColumn {
            name: "energy".into(),
            values: vec![0.5, 0.6, 0.7],
        });
        second.embedding = Some(ProvidedEmbedding {
            dim: 2,
            values: vec![1.0, 2.0],
        });
        first.append(&second, &[0, 2]);
        assert_eq!(
            first.ids.iter().collect::<Vec<_>>(),
            ["a", "b", "c", "d", "e"]
        );
        let artists: Vec<_> = (0..5).map(|track| first.artist.get(track)).collect();
        let expected = [Some("Nina"), None, None, Some("Joni"), Some("Nina")];
        assert_eq!(artists, expected);
        assert_eq!(first.artist.code(4), first.artist.code(0));
        assert_eq!(first.year, [Some(1999)]);
        let tags: Vec<Vec<&str>> = (0..5)
            .map(|track| first.tags.get(track).collect())
            .collect();
        assert_eq!(tags, [vec![], vec![], vec![], vec!["folk"], vec![]]);
        let energy = &first.feature("energy").unwrap().values;
        assert_eq!(energy[3..], [0.5, 0.7]);
        assert!(energy[..3].iter().all(|value| value.is_nan()));
        let vectors = &first.embedding.unwrap().values;
        assert_eq!(vectors.len(), 10);
        assert_eq!(vectors[6..8], [1.0, 2.0]);
        assert!(vectors[8..].iter().all(|value| value.is_nan()));
    }

    #[test]
    #[should_panic(expected = "a track is in one table")]
    fn a_track_that_is_there_is_not_appended() {
        table(&["a"], &[]).append(&table(&["a"], &[]), &[0]);
    }
}
