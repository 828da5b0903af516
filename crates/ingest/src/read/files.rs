use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::Error;

/// A file to read.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    /// The `key=value` directories between the root and the file; `None` stands for a null value.
    pub(super) keys: Vec<(String, Option<String>)>,
}

/// The Parquet files at `root`, in the order in which they are read: `root` itself, or everything below it sorted by path.
pub(super) fn parts(root: &Path) -> Result<Vec<Part>, Error> {
    let metadata = fs::metadata(root).map_err(failed("open", root))?;
    if !metadata.is_dir() {
        return Ok(vec![Part {
            path: root.to_path_buf(),
            bytes: metadata.len(),
            keys: Vec::new(),
        }]);
    }
    let mut found = Vec::new();
    walk(root, &[], &mut found)?;
    if found.is_empty() {
        return Err(Error::NoFiles {
            path: root.to_path_buf(),
        });
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn walk(
    directory: &Path,
    keys: &[(String, Option<String>)],
    found: &mut Vec<Part>,
) -> Result<(), Error> {
    for entry in fs::read_dir(directory).map_err(failed("list", directory))? {
        let path = entry.map_err(failed("list", directory))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(['_', '.']) {
            continue;
        }
        let metadata = fs::metadata(&path).map_err(failed("open", &path))?;
        if metadata.is_dir() {
            let mut keys = keys.to_vec();
            keys.extend(partition_key(&name));
            walk(&path, &keys, found)?;
        } else if path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("parquet"))
        {
            found.push(Part {
                bytes: metadata.len(),
                keys: keys.to_vec(),
                path,
            });
        }
    }
    Ok(())
}

/// Splits a Hive partition directory's name into its column and value.
fn partition_key(name: &str) -> Option<(String, Option<String>)> {
    let (key, value) = name.split_once('=')?;
    let value = (value != "__HIVE_DEFAULT_PARTITION__").then(|| unescape(value));
    Some((unescape(key), value))
}

/// Undoes the %XX escapes that writers put into directory names; anything else stays as it is.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = tail.get(..2).filter(|_| *first == b'%').and_then(hex);
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

fn hex(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(digits[at]).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

/// Wraps an I/O error with what was being done to which path.
pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_path_buf();
    move |source| Error::Io {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partition_directories_are_split_and_unescaped() {
        let key = |name| partition_key(name);
        assert_eq!(key("plain"), None);
        assert_eq!(
            key("user_id=a%2Fb=c"),
            Some(("user_id".into(), Some("a/b=c".into())))
        );
        assert_eq!(key("d=100%"), Some(("d".into(), Some("100%".into()))));
        assert_eq!(key("d=%zz%4"), Some(("d".into(), Some("%zz%4".into()))));
        assert_eq!(key("d=%ff"), Some(("d".into(), Some("%ff".into()))));
        assert_eq!(
            key("d=__HIVE_DEFAULT_PARTITION__"),
            Some(("d".into(), None))
        );
    }

    #[test]
    fn hidden_names_and_other_files_are_ignored_and_the_rest_is_sorted() {
        let root = tempfile::tempdir().unwrap();
        for name in [
            "b.parquet",
            "a/z.PARQUET",
            "_x/c.parquet",
            ".d.parquet",
            "readme.md",
        ] {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let names: Vec<_> = parts(root.path())
            .unwrap()
            .into_iter()
            .map(|part| part.path)
            .collect();
        assert_eq!(
            names,
            [
                root.path().join("a/z.PARQUET"),
                root.path().join("b.parquet")
            ]
        );
    }
}
