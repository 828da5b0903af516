use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::Path,
};

use anyhow::Context;
use crossfade_experiments::Sealer;
use rand::{TryRng, rngs::SysRng};

/// Name of the key in the directory of what is shown, where no other is set.
const OWN: &str = ".key";
const BYTES: usize = 32;

/// What makes tokens: by the key in `file`, or else by one that is made and kept in the directory of what is shown. `None` with
/// neither.
///
/// # Errors
///
/// If the key cannot be read, made or used.
pub fn sealer(file: Option<&Path>, exposures: Option<&Path>) -> anyhow::Result<Option<Sealer>> {
    let key = match (file, exposures) {
        (Some(file), _) => read(file).with_context(|| {
            format!(
                "serve.attribution_key cannot be used; \"openssl rand -hex 32 > {}\" makes one",
                file.display()
            )
        })?,
        (None, Some(directory)) => own(&directory.join(OWN))?,
        (None, None) => return Ok(None),
    };
    Ok(Some(Sealer::new(key)))
}

fn own(path: &Path) -> anyhow::Result<[u8; BYTES]> {
    match fs::exists(path).with_context(|| format!("cannot open {}", path.display()))? {
        true => read(path),
        false => make(path).with_context(|| format!("cannot write {}", path.display())),
    }
}

fn read(path: &Path) -> anyhow::Result<[u8; BYTES]> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    decode(text.trim()).with_context(|| {
        format!(
            "{} must hold {} hexadecimal digits and nothing else",
            path.display(),
            2 * BYTES
        )
    })
}

fn decode(digits: &str) -> Option<[u8; BYTES]> {
    let mut key = [0; BYTES];
    let is_hex = digits.len() == 2 * BYTES && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    for (byte, at) in key.iter_mut().zip((0..).step_by(2)).filter(|_| is_hex) {
        *byte = u8::from_str_radix(&digits[at..at + 2], 16).ok()?;
    }
    is_hex.then_some(key)
}

/// Makes a key that is on disk, whole, before it is used: plays of before a crash must be known after it.
fn make(path: &Path) -> anyhow::Result<[u8; BYTES]> {
    let mut key = [0; BYTES];
    SysRng
        .try_fill_bytes(&mut key)
        .context("the system gives no random numbers")?;
    let digits: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let draft = path.with_extension("draft");
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let mut file = create_private(&draft)?;
    file.write_all(digits.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    if cfg!(unix)
        && let Some(directory) = path.parent()
    {
        File::open(directory)?.sync_all()?;
    }
    Ok(key)
}

/// A new file that only its owner may read.
fn create_private(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use crossfade_experiments::Attribution;

    use super::*;

    fn token(sealer: &Sealer) -> String {
        let list = Attribution {
            experiment: "e".into(),
            arm: "a".into(),
            shown_at_ms: 1,
            request_id: "r".into(),
        };
        sealer.seal(&list, "ada")
    }

    #[test]
    fn a_key_is_made_once_kept_private_and_shared_by_who_is_given_it() {
        let [one, other] = [0, 1].map(|_| tempfile::tempdir().unwrap());
        let made = sealer(None, Some(one.path())).unwrap().unwrap();
        let again = sealer(None, Some(one.path())).unwrap().unwrap();
        assert_eq!(token(&made), token(&again));
        let others = sealer(None, Some(other.path())).unwrap().unwrap();
        assert_ne!(token(&made), token(&others));
        let file = one.path().join(OWN);
        let shared = sealer(Some(&file), Some(other.path())).unwrap().unwrap();
        assert_eq!(token(&made), token(&shared));
        assert!(sealer(None, None).unwrap().is_none());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn what_is_no_key_is_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        assert!(sealer(Some(&file), None).is_err());
        for wrong in ["", "abc", &"g".repeat(64), &"é".repeat(32), &"0".repeat(66)] {
            fs::write(&file, wrong).unwrap();
            let error = sealer(Some(&file), None).unwrap_err();
            assert!(
                format!("{error:#}").contains("64 hexadecimal digits"),
                "{error:#}"
            );
        }
    }
}
