use std::path::Path;

use crossfade_experiments::{Candidate, Exposure, Team, Trial};
use crossfade_ingest::{ExposureWriter, read_exposures};

use crate::{
    Error, Record,
    bytes::{self, Reader, Writer},
};

impl Record for Exposure {
    const HEADER: &'static [u8; 16] = b"crossfade-lists\x01";
    /// Nothing but reports needs it, and they read files.
    type Memory = ();

    fn key(&self) -> u128 {
        self.key()
    }

    fn check(&self) -> Result<(), Error> {
        let texts = [
            &self.experiment,
            &self.definition,
            &self.arm,
            &self.user_id,
            &self.request_id,
            &self.bundle_version,
        ];
        let candidates = self.trial.iter().flat_map(|trial| &trial.candidates);
        let tracks = candidates.clone().map(|candidate| &candidate.track_id);
        texts
            .into_iter()
            .chain(&self.tracks)
            .chain(tracks)
            .map(String::len)
            .chain([self.tracks.len(), self.teams.len(), candidates.count()])
            .try_for_each(bytes::check)
    }

    fn encode(&self, into: &mut Vec<u8>) {
        let mut fields = Writer(into);
        for text in [
            &self.experiment,
            &self.definition,
            &self.arm,
            &self.user_id,
            &self.request_id,
            &self.bundle_version,
        ] {
            fields.text(text);
        }
        fields.bytes(self.shown_at_ms.to_le_bytes());
        for number in [
            self.propensity,
            self.activity,
            self.latency_ms,
            self.top_artist_share,
        ] {
            fields.bytes(number.to_le_bytes());
        }
        fields.list(&self.tracks, |fields, track| fields.text(track));
        fields.list(&self.teams, |fields, team| fields.bytes([team_byte(*team)]));
        fields.bytes([u8::from(self.trial.is_some())]);
        if let Some(trial) = &self.trial {
            fields.bytes((trial.place as u16).to_le_bytes());
            fields.bytes((trial.drawn as u16).to_le_bytes());
            fields.list(&trial.candidates, write_candidate);
        }
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let mut fields = Reader(bytes);
        Some(Self {
            experiment: fields.text()?,
            definition: fields.text()?,
            arm: fields.text()?,
            user_id: fields.text()?,
            request_id: fields.text()?,
            bundle_version: fields.text()?,
            shown_at_ms: fields.i64()?,
            propensity: fields.f64()?,
            activity: fields.f64()?,
            latency_ms: fields.f64()?,
            top_artist_share: fields.f64()?,
            tracks: fields.list(Reader::text)?,
            teams: fields.list(|fields| byte_team(fields.bytes()?))?,
            trial: match fields.bytes()? {
                [0] => None,
                [_] => Some(Trial {
                    place: fields.u16()?,
                    drawn: fields.u16()?,
                    candidates: fields.list(read_candidate)?,
                }),
            },
        })
    }

    fn write(
        path: &Path,
        records: &mut dyn Iterator<Item = Self>,
    ) -> Result<u64, crossfade_ingest::Error> {
        let mut writer = ExposureWriter::create(path)?;
        for exposure in records {
            writer.write(&exposure)?;
        }
        writer.finish()
    }

    fn read(path: &Path, each: &mut dyn FnMut(Self)) -> Result<(), crossfade_ingest::Error> {
        read_exposures(path, each)
    }
}

fn team_byte(team: Option<Team>) -> u8 {
    match team {
        None => 0,
        Some(Team::First) => 1,
        Some(Team::Second) => 2,
    }
}

fn byte_team(byte: [u8; 1]) -> Option<Option<Team>> {
    match byte {
        [0] => Some(None),
        [1] => Some(Some(Team::First)),
        [2] => Some(Some(Team::Second)),
        _ => None,
    }
}

fn write_candidate(fields: &mut Writer<'_>, candidate: &Candidate) {
    fields.text(&candidate.track_id);
    for number in [
        candidate.probability,
        candidate.collaborative,
        candidate.content,
        candidate.popularity,
    ] {
        fields.bytes(number.to_le_bytes());
    }
    fields.bytes([candidate.is_warm, candidate.is_described].map(u8::from));
}

fn read_candidate(fields: &mut Reader<'_, '_>) -> Option<Candidate> {
    Some(Candidate {
        track_id: fields.text()?,
        probability: fields.f64()?,
        collaborative: fields.f64()?,
        content: fields.f64()?,
        popularity: fields.f64()?,
        is_warm: fields.bytes()? != [0],
        is_described: fields.bytes()? != [0],
    })
}
