//! What codes of an autoencoder keep of the numbers of tracks beside principal components of the same size, on tracks that
//! neither was fitted to:
//! `cargo bench --bench embedders -- --tracks FILE`

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use crossfade_content::{
    Autoencoder, AutoencoderConfig, Features, Pca, Points, Schema, Standardised,
};
use crossfade_ingest::{TrackColumns, read_tracks};

/// One in so many tracks is told and not learned from.
const TOLD: usize = 5;

#[derive(Debug, Parser)]
struct Arguments {
    /// Track table.
    #[arg(long)]
    tracks: PathBuf,
    /// Sizes of the codes.
    #[arg(long, value_delimiter = ',', default_values_t = [2, 4, 6, 8, 10])]
    dims: Vec<usize>,
    /// Passed by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let (table, _) = read_tracks(&arguments.tracks, &TrackColumns::default(), &|_| ())?;
    let mut features = Features::new(table.len());
    for column in &table.features {
        features = features.numeric(&column.name, column.values.as_slice());
    }
    let scaled = Standardised::fit(&Schema::default(), &[], &features)?.points;
    let part = |told: bool| {
        let rows =
            (0..scaled.len() as u32).filter(|row| (*row as usize).is_multiple_of(TOLD) == told);
        scaled.select(&rows.collect::<Vec<u32>>())
    };
    let (learned, told) = (part(false), part(true));
    println!("{} tracks told, {} numbers each", told.len(), told.dim());
    println!("numbers kept | principal components | autoencoder   (share of the variance)");
    for &dim in &arguments.dims {
        let config = AutoencoderConfig {
            dim,
            corruption: 0.0,
            ..AutoencoderConfig::default()
        };
        let pca = Pca::fit(learned.len(), learned.dim(), dim, |row, out| {
            out.copy_from_slice(learned.row(row));
            true
        })?;
        let autoencoder = Autoencoder::fit(&learned, |_, _| true, &config)
            .context("the autoencoder cannot be trained")?;
        println!(
            "{dim:12} | {:20.4} | {:11.4}",
            kept(&told, |row| of_components(&pca, row)),
            kept(&told, |row| autoencoder.reconstruct(row))
        );
    }
    Ok(())
}

/// The row that its coordinates stand for; the mean of scaled numbers is 0.
fn of_components(pca: &Pca, row: &[f64]) -> Vec<f64> {
    let mut coordinates = vec![0.0; pca.dim()];
    pca.project(row, &mut coordinates);
    let mut whole = vec![0.0; row.len()];
    for (component, x) in pca.components().zip(coordinates) {
        for (sum, c) in whole.iter_mut().zip(component) {
            *sum += x * c;
        }
    }
    whole
}

/// The share of the squares that a reconstruction leaves no error in.
fn kept(points: &Points, reconstruct: impl Fn(&[f64]) -> Vec<f64>) -> f64 {
    let (mut total, mut left) = (0.0, 0.0);
    for row in points.rows() {
        for (x, told) in row.iter().zip(reconstruct(row)) {
            total += x * x;
            left += (x - told).powi(2);
        }
    }
    1.0 - left / total
}
