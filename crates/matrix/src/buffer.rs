use std::{fmt, ops::Deref, sync::Arc};

/// A read-only run of numbers, owned or shared.
///
/// Cloning a shared buffer clones a reference; cloning an owned one copies it.
#[derive(Clone)]
pub enum Buffer<T> {
    /// Numbers this value owns.
    Owned(Vec<T>),
    /// Numbers that live elsewhere, for example in a memory-mapped file that the owner keeps alive.
    Shared(Arc<dyn AsRef<[T]> + Send + Sync>),
}

impl<T> Buffer<T> {
    /// Shares `owner`'s numbers without copying them.
    pub fn shared(owner: impl AsRef<[T]> + Send + Sync + 'static) -> Self {
        Self::Shared(Arc::new(owner))
    }
}

impl<T> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::Owned(values) => values,
            Self::Shared(owner) => (**owner).as_ref(),
        }
    }
}

impl<T> From<Vec<T>> for Buffer<T> {
    fn from(values: Vec<T>) -> Self {
        Self::Owned(values)
    }
}

impl<T> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Owned(_) => "Owned",
            Self::Shared(_) => "Shared",
        };
        write!(f, "{kind}({} values)", self.len())
    }
}
