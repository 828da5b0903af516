//! Rankings by the names that people type and read.

use std::{fmt, str::FromStr};

use crossfade_blend::{ContentWeight, Ranking};

/// A ranking that takes part in a comparison: `popular`, `collaborative`, `content`, `blend` with the learned content weight,
/// or `blend:0.5` with another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arm(pub Ranking);

impl Arm {
    /// The ranking that a content weight stands for when no ranking is named.
    ///
    /// # Errors
    ///
    /// If the weight is not from 0 to 1.
    pub fn blend(weight: f64) -> anyhow::Result<Self> {
        match ContentWeight::new(weight) {
            Some(weight) => Ok(Self(Ranking::Blend(Some(weight)))),
            None => anyhow::bail!("the content weight must be from 0 to 1, is {weight}"),
        }
    }
}

impl Arm {
    /// Whether tracks have to be described for it.
    pub fn needs_tracks(self) -> bool {
        matches!(self.0, Ranking::Content | Ranking::Blend(_))
    }
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ranking::Popular => f.pad("popular"),
            Ranking::Collaborative => f.pad("collaborative"),
            Ranking::Content => f.pad("content"),
            Ranking::Blend(None) => f.pad("blend"),
            Ranking::Blend(Some(weight)) => f.pad(&format!("blend:{}", weight.get())),
        }
    }
}

impl FromStr for Arm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "popular" => Ok(Self(Ranking::Popular)),
            "collaborative" => Ok(Self(Ranking::Collaborative)),
            "content" => Ok(Self(Ranking::Content)),
            "blend" => Ok(Self(Ranking::Blend(None))),
            _ => {
                let weight = text.strip_prefix("blend:");
                let weight = weight.and_then(|weight| weight.parse().ok());
                weight.and_then(|weight| Self::blend(weight).ok()).ok_or_else(|| {
                    format!(
                        "{text:?} is not popular, collaborative, content, blend or blend:W with W from 0 to 1"
                    )
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for name in [
            "popular",
            "collaborative",
            "content",
            "blend",
            "blend:0.25",
            "blend:1",
        ] {
            assert_eq!(name.parse::<Arm>().unwrap().to_string(), name);
        }
        for wrong in [
            "",
            "blend:",
            "blend:2",
            "blend:x",
            "als",
            "blend:-0.1",
            "blend:NaN",
        ] {
            assert!(wrong.parse::<Arm>().is_err(), "{wrong}");
        }
    }
}
