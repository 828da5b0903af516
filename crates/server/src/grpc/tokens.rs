//! Who may call what: keys of callers, kept only as hashes.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use http::HeaderMap;

use super::{methods::Scope, status::Refusal};

/// The callers that are known, from a file that may change while serving.
///
/// Each line has a name, what its caller may do (`read`, `write`, `admin`, joined by commas) and the BLAKE3 of its token in
/// hexadecimals; empty lines and those that begin with `#` are passed over. Tokens are random and long, so that no slow hash
/// is needed; hashes are compared in constant time, and always all of them.
#[derive(Debug)]
pub(super) struct Tokens {
    file: PathBuf,
    callers: ArcSwap<Vec<Caller>>,
}

/// A caller and what it may do.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Caller {
    pub(super) name: Arc<str>,
    scopes: Vec<Scope>,
    hash: blake3::Hash,
}

/// Why a file of tokens cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("cannot read {file}")]
    Read {
        file: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "{file}, line {line}: {problem}; a line has a name, scopes (read, write, admin) joined by commas, and a hash, as \
         \"crossfade token\" prints it"
    )]
    Line {
        file: PathBuf,
        line: usize,
        problem: &'static str,
    },
}

impl Tokens {
    pub(super) fn open(file: &Path) -> Result<Self, Error> {
        Ok(Self {
            callers: ArcSwap::from_pointee(read(file)?),
            file: file.to_owned(),
        })
    }

    /// Reads the file again; whether it has changed. On an error everything stays as it was.
    pub(super) fn reload(&self) -> Result<bool, Error> {
        let callers = read(&self.file)?;
        let changed = **self.callers.load() != callers;
        if changed {
            self.callers.store(Arc::new(callers));
        }
        Ok(changed)
    }

    /// Who calls, if it may do so.
    pub(super) fn authorise(&self, headers: &HeaderMap, scope: Scope) -> Result<Arc<str>, Refusal> {
        let token = token(headers).ok_or(Refusal::Unauthenticated)?;
        let hash = blake3::hash(token.as_bytes());
        let callers = self.callers.load();
        let mut known = None;
        for caller in callers.iter() {
            // Compared in constant time.
            if caller.hash == hash {
                known = Some(caller);
            }
        }
        let caller = known.ok_or(Refusal::Unauthenticated)?;
        match caller.scopes.contains(&scope) {
            true => Ok(Arc::clone(&caller.name)),
            false => Err(Refusal::Forbidden(scope)),
        }
    }
}

/// The token of `authorization: Bearer …` or `x-api-key: …`.
fn token(headers: &HeaderMap) -> Option<&str> {
    if let Some(value) = headers.get(http::header::AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| token.trim());
    }
    headers.get("x-api-key")?.to_str().ok()
}

fn read(file: &Path) -> Result<Vec<Caller>, Error> {
    let text = fs::read_to_string(file).map_err(|source| Error::Read {
        file: file.to_owned(),
        source,
    })?;
    let lines = (1..).zip(text.lines().map(str::trim));
    let filled = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    filled
        .map(|(number, line)| {
            parse(line).map_err(|problem| Error::Line {
                file: file.to_owned(),
                line: number,
                problem,
            })
        })
        .collect()
}

fn parse(line: &str) -> Result<Caller, &'static str> {
    let parts: Vec<&str> = line.split_whitespace().collect();
    let [name, scopes, hash] = parts.as_slice() else {
        return Err("it has not three parts");
    };
    let scope = |name| match name {
        "read" => Ok(Scope::Read),
        "write" => Ok(Scope::Write),
        "admin" => Ok(Scope::Admin),
        _ => Err("a scope is not known"),
    };
    Ok(Caller {
        name: (*name).into(),
        scopes: scopes.split(',').map(scope).collect::<Result<_, _>>()?,
        hash: blake3::Hash::from_hex(hash).map_err(|_| "the hash is none")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Result<Tokens, Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        Tokens::open(file.path())
    }

    fn line(name: &str, scopes: &str, token: &str) -> String {
        format!("{name} {scopes} {}\n", blake3::hash(token.as_bytes()))
    }

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn callers_may_do_what_their_line_says_and_strangers_nothing() {
        let text = format!(
            "# who may call\n\n{}{}",
            line("player", "read,write", "secret"),
            line("operator", "admin", "other")
        );
        let tokens = tokens(&text).unwrap();
        let player = headers("authorization", "Bearer secret");
        assert_eq!(&*tokens.authorise(&player, Scope::Read).unwrap(), "player");
        assert!(tokens.authorise(&player, Scope::Write).is_ok());
        let refused = tokens.authorise(&player, Scope::Admin);
        assert!(matches!(refused, Err(Refusal::Forbidden(Scope::Admin))));
        let operator = headers("x-api-key", "other");
        assert_eq!(
            &*tokens.authorise(&operator, Scope::Admin).unwrap(),
            "operator"
        );
        let refused = tokens.authorise(&operator, Scope::Read);
        assert!(matches!(refused, Err(Refusal::Forbidden(Scope::Read))));
        for stranger in [
            HeaderMap::new(),
            headers("authorization", "Bearer secre"),
            headers("authorization", "Basic secret"),
            headers("authorization", "secret"),
            headers("authorization", "Bearer "),
            headers("x-api-key", ""),
        ] {
            let refused = tokens.authorise(&stranger, Scope::Read);
            assert!(
                matches!(refused, Err(Refusal::Unauthenticated)),
                "{stranger:?}"
            );
        }
    }

    #[test]
    fn a_line_that_makes_no_sense_is_named() {
        let hash = blake3::hash(b"x").to_hex();
        for (wrong, at) in [
            ("player read".to_owned(), 1),
            (format!("\nplayer all {hash}"), 2),
            ("player read 12345".to_owned(), 1),
            (format!("a read {hash}\n# b\nb read, write {hash}"), 3),
        ] {
            let error = tokens(&wrong).unwrap_err();
            assert!(
                matches!(error, Error::Line { line, .. } if line == at),
                "{error}"
            );
        }
    }
}
