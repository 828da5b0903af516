use std::{fmt, str::FromStr};

use crossfade_blend::Ranking;

use crate::arm::Arm;

/// A ranking that is measured: one of the service's, or a baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Contender {
    /// Nearest neighbours of items.
    ItemKnn,
    /// Linear regression of items on each other.
    Ease,
    /// What the service can be asked for.
    Served(Arm),
}

impl Contender {
    /// Those that are measured unless others are named.
    pub const DEFAULT: [Self; 6] = [
        Self::Served(Arm(Ranking::Popular)),
        Self::ItemKnn,
        Self::Ease,
        Self::Served(Arm(Ranking::Collaborative)),
        Self::Served(Arm(Ranking::Content)),
        Self::Served(Arm(Ranking::Blend(None))),
    ];

    /// The content weight of a blend with a given one.
    pub(super) fn content_weight(self) -> Option<f64> {
        match self {
            Self::Served(Arm(Ranking::Blend(weight))) => weight.map(|weight| weight.get()),
            Self::Served(_) | Self::ItemKnn | Self::Ease => None,
        }
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ItemKnn => f.pad("item-knn"),
            Self::Ease => f.pad("ease"),
            Self::Served(arm) => arm.fmt(f),
        }
    }
}

impl FromStr for Contender {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "item-knn" => Ok(Self::ItemKnn),
            "ease" => Ok(Self::Ease),
            _ => text
                .parse()
                .map(Self::Served)
                .map_err(|reason| format!("{reason}, nor item-knn or ease")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for contender in Contender::DEFAULT {
            assert_eq!(contender.to_string().parse(), Ok(contender));
        }
        let weighted: Contender = "blend:0.25".parse().unwrap();
        assert_eq!(weighted.content_weight(), Some(0.25));
        assert!("knn".parse::<Contender>().is_err());
    }
}
