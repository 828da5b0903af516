use crate::{Error, fields::keyed_hash};

/// What stands for the arm where a list has both.
pub const INTERLEAVED: &str = "interleaved";
/// Version of the format, which tokens begin with.
const VERSION: &str = "1";
const SEPARATOR: char = '.';
/// Hexadecimal digits of a token's seal: 128 bits.
const SEAL: usize = 32;

/// What a list was shown as part of.
///
/// As text it is `1.EXPERIMENT.ARM.TIME.SEAL.REQUEST`: the time in milliseconds since 1970, and as seal the first 16 bytes, in
/// hexadecimal, of the BLAKE3 of all other fields and the user, under a key that only servers have. So a caller may hand it to
/// anybody and take it back: plays cannot be credited to an arm that did not earn them, nor by another user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribution {
    /// The experiment.
    pub experiment: String,
    /// The arm; [`INTERLEAVED`] where every list has both.
    pub arm: String,
    /// When the list was made, in milliseconds since 1970.
    pub shown_at_ms: i64,
    /// The request that it answers.
    pub request_id: String,
}

/// Makes and checks tokens.
#[derive(Clone)]
pub struct Sealer {
    key: [u8; 32],
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

impl Sealer {
    /// Seals with `key`, which all servers that take each other's tokens share.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// The token of a list for a user.
    pub fn seal(&self, attribution: &Attribution, user_id: &str) -> String {
        let Attribution {
            experiment,
            arm,
            shown_at_ms,
            request_id,
        } = attribution;
        let seal = self.seal_of(attribution, user_id);
        format!("{VERSION}.{experiment}.{arm}.{shown_at_ms}.{seal}.{request_id}")
    }

    /// What a token says, if it was made with this key for this user.
    ///
    /// # Errors
    ///
    /// [`Error::Forged`] otherwise.
    pub fn open(&self, token: &str, user_id: &str) -> Result<Attribution, Error> {
        let fields: Vec<&str> = token.splitn(6, SEPARATOR).collect();
        let &[VERSION, experiment, arm, shown_at_ms, seal, request_id] = fields.as_slice() else {
            return Err(Error::Forged);
        };
        let attribution = Attribution {
            experiment: experiment.to_owned(),
            arm: arm.to_owned(),
            shown_at_ms: shown_at_ms.parse().map_err(|_| Error::Forged)?,
            request_id: request_id.to_owned(),
        };
        // Compared without telling by its time how much of it was right.
        let expected = self.seal_of(&attribution, user_id);
        let differing = expected
            .bytes()
            .zip(seal.bytes())
            .fold(0, |sum, (a, b)| sum | (a ^ b));
        match seal.len() == SEAL && differing == 0 && self.seal(&attribution, user_id) == token {
            true => Ok(attribution),
            false => Err(Error::Forged),
        }
    }

    fn seal_of(&self, attribution: &Attribution, user_id: &str) -> String {
        let fields = [
            VERSION.as_bytes(),
            attribution.experiment.as_bytes(),
            attribution.arm.as_bytes(),
            &attribution.shown_at_ms.to_le_bytes(),
            attribution.request_id.as_bytes(),
            user_id.as_bytes(),
        ];
        keyed_hash(&self.key, &fields).to_hex()[..SEAL].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribution() -> Attribution {
        Attribution {
            experiment: "sound".into(),
            arm: "content".into(),
            shown_at_ms: 1_764_000_000_000,
            request_id: "r.1/ä".into(),
        }
    }

    #[test]
    fn a_token_is_taken_back_by_whoever_has_the_key_for_its_user() {
        let sealer = Sealer::new([7; 32]);
        let token = sealer.seal(&attribution(), "ada");
        assert_eq!(sealer.open(&token, "ada"), Ok(attribution()));
        assert_eq!(sealer.open(&token, "eve"), Err(Error::Forged));
        assert_eq!(Sealer::new([8; 32]).open(&token, "ada"), Err(Error::Forged));
    }

    #[test]
    fn no_changed_byte_is_accepted() {
        let sealer = Sealer::new([7; 32]);
        let token = sealer.seal(&attribution(), "ada");
        for place in (0..token.len()).filter(|&place| token.is_char_boundary(place)) {
            let mut changed: Vec<char> = token.chars().collect();
            let at = token[..place].chars().count();
            changed[at] = if changed[at] == '0' { '1' } else { '0' };
            let changed: String = changed.into_iter().collect();
            assert_eq!(
                sealer.open(&changed, "ada"),
                Err(Error::Forged),
                "{changed}"
            );
        }
        for wrong in ["", "1", "1.a.b.c.d.e", "1.sound.content.01764000000000"] {
            assert_eq!(sealer.open(wrong, "ada"), Err(Error::Forged), "{wrong}");
        }
    }
}
