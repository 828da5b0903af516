use serde::{Deserialize, Serialize};

use crate::{Arm, ArmRanking, Error, fields::hash};

/// One place of every list whose track is drawn at random now and then. It costs a little of what the ranking would have earned
/// there, and tells what other rankings would earn, see [`estimate`](crate::estimate).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Exploration {
    /// Which place, from 1 to 1,000. Shorter lists have none.
    pub place: usize,
    /// How many tracks are drawn from, 2 to 100: the ranking's best that are not before the place.
    pub candidates: usize,
    /// Share of the lists in which it is drawn, every candidate being as likely, above 0 and at most 1. In the others it is the
    /// ranking's own.
    pub share: f64,
}

impl Default for Exploration {
    fn default() -> Self {
        Self {
            place: 5,
            candidates: 10,
            share: 0.5,
        }
    }
}

/// What was drawn at the place where a list explores.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// The place, from 0.
    pub place: usize,
    /// Which of the candidates it was, from 0.
    pub drawn: usize,
    /// What it was drawn from.
    pub candidates: Vec<Candidate>,
}

/// A track that could be drawn, and what every ranking makes of it.
///
/// A blend's score is linear in its content weight, so that two numbers tell all of them:
/// `(1 - w) collaborative + w content`.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Which.
    pub track_id: String,
    /// Probability with which it was drawn.
    pub probability: f64,
    /// Its score at content weight 0.
    pub collaborative: f64,
    /// Its score at content weight 1.
    pub content: f64,
    /// How popular it is.
    pub popularity: f64,
    /// Whether it has listeners, without which no collaborative list has it.
    pub is_warm: bool,
    /// Whether its content is known, without which no content list has it.
    pub is_described: bool,
}

impl Exploration {
    /// # Errors
    ///
    /// [`Error::Definition`] naming the first field that is out of range.
    pub fn validate(&self) -> Result<(), Error> {
        let check = |field: &str, found: String, fits: bool, expected| match fits {
            true => Ok(()),
            false => Err(Error::Definition {
                field: format!("exploration.{field}"),
                found,
                expected,
            }),
        };
        let Self {
            place,
            candidates,
            share,
        } = *self;
        let fits = (1..=1_000).contains(&place);
        check("place", place.to_string(), fits, "must be from 1 to 1000")?;
        let fits = (2..=100).contains(&candidates);
        check(
            "candidates",
            candidates.to_string(),
            fits,
            "must be from 2 to 100",
        )?;
        let fits = share > 0.0 && share <= 1.0;
        check(
            "share",
            share.to_string(),
            fits,
            "must be above 0 and at most 1",
        )
    }

    /// Probability of a candidate, the ranking's own being the first of `count`.
    pub fn probability(&self, candidate: usize, count: usize) -> f64 {
        let own = if candidate == 0 {
            1.0 - self.share
        } else {
            0.0
        };
        own + self.share / count.max(1) as f64
    }

    /// Which of `count` candidates a number that is uniform from 0 to 1 draws.
    pub fn draw(&self, count: usize, chance: f64) -> usize {
        match chance < self.share {
            true => ((chance / self.share * count as f64) as usize).min(count.saturating_sub(1)),
            false => 0,
        }
    }
}

/// A number from 0 up to 1 that is uniform over requests, and the same for the same request on every server.
pub fn chance(salt: &str, user_id: &str, request_id: &str) -> f64 {
    let hash = hash(&["explore", salt, user_id, request_id].map(str::as_bytes));
    let first = hash.as_bytes().first_chunk();
    let bits = u64::from_le_bytes(*first.expect("invariant: a BLAKE3 has 32 bytes"));
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

impl Candidate {
    /// Its score under a ranking whose content weight is known; `None` if no such list has it.
    pub fn score(&self, arm: &Arm) -> Option<f64> {
        match (arm.ranking, arm.content_weight) {
            (ArmRanking::Popular, _) => self.is_warm.then_some(self.popularity),
            (ArmRanking::Collaborative, _) => self.is_warm.then_some(self.collaborative),
            (ArmRanking::Content, _) => self.is_described.then_some(self.content),
            (ArmRanking::Blend, None) => None,
            (ArmRanking::Blend, Some(weight)) => match weight {
                0.0 => self.is_warm.then_some(self.collaborative),
                1.0 => self.is_described.then_some(self.content),
                _ => Some((1.0 - weight) * self.collaborative + weight * self.content),
            },
        }
    }
}

impl Trial {
    /// What a ranking would have put at the place: of the candidates the one of the highest score, the earlier of equal ones;
    /// `None` if it lists none of them.
    pub fn choice(&self, arm: &Arm) -> Option<usize> {
        let mut best: Option<(usize, f64)> = None;
        for (place, candidate) in self.candidates.iter().enumerate() {
            if let Some(score) = candidate.score(arm)
                && best.is_none_or(|(_, highest)| score > highest)
            {
                best = Some((place, score));
            }
        }
        best.map(|(place, _)| place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: Exploration = Exploration {
        place: 3,
        candidates: 4,
        share: 0.5,
    };

    #[test]
    fn every_candidate_is_drawn_as_often_as_its_probability_says() {
        let draws = 40_000;
        let mut counts = [0_u32; 4];
        for request in 0..draws {
            counts[HALF.draw(4, chance("salt", "ada", &request.to_string()))] += 1;
        }
        let sum: f64 = (0..4).map(|candidate| HALF.probability(candidate, 4)).sum();
        assert!((sum - 1.0).abs() < 1e-12);
        for (candidate, count) in counts.into_iter().enumerate() {
            let share = HALF.probability(candidate, 4);
            // Four standard errors.
            let slack = 4.0 * (share * (1.0 - share) / f64::from(draws)).sqrt();
            let found = f64::from(count) / f64::from(draws);
            assert!((found - share).abs() < slack, "{candidate}: {found}");
        }
        assert_eq!(HALF.draw(1, 0.49), 0);
    }

    #[test]
    fn a_ranking_chooses_its_best_of_what_it_may_list() {
        let candidate = |collaborative, content, is_warm, is_described| Candidate {
            track_id: "t".into(),
            probability: 0.25,
            collaborative,
            content,
            popularity: collaborative,
            is_warm,
            is_described,
        };
        let trial = Trial {
            place: 2,
            drawn: 0,
            candidates: vec![
                candidate(0.5, 0.1, true, true),
                candidate(0.9, 0.0, false, true),
                candidate(0.2, 0.8, true, true),
                candidate(0.1, 2.0, true, false),
            ],
        };
        let choice = |ranking, content_weight| {
            trial.choice(&Arm {
                name: "target".into(),
                ranking,
                content_weight,
                share: 0.0,
            })
        };
        assert_eq!(choice(ArmRanking::Collaborative, None), Some(0));
        assert_eq!(choice(ArmRanking::Content, None), Some(2));
        assert_eq!(choice(ArmRanking::Blend, Some(0.0)), Some(0));
        assert_eq!(choice(ArmRanking::Blend, Some(0.01)), Some(1));
        assert_eq!(choice(ArmRanking::Blend, Some(0.9)), Some(3));
        assert_eq!(choice(ArmRanking::Popular, None), Some(0));
        assert_eq!(choice(ArmRanking::Blend, None), None);
    }

    #[test]
    fn what_cannot_be_explored_is_named() {
        for (wrong, field) in [
            (Exploration { place: 0, ..HALF }, "exploration.place"),
            (
                Exploration {
                    candidates: 1,
                    ..HALF
                },
                "exploration.candidates",
            ),
            (
                Exploration {
                    share: f64::NAN,
                    ..HALF
                },
                "exploration.share",
            ),
        ] {
            let Err(Error::Definition { field: found, .. }) = wrong.validate() else {
                panic!("{field} was not refused");
            };
            assert_eq!(found, field);
        }
    }
}
