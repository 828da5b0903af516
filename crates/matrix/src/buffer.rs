use std::{fmt, ops::Deref, sync::Arc};

/// A read-only run of numbers. Clones share it: however many matrices hold the same numbers, memory holds them once.
pub enum Buffer<T> {
    /// Numbers in memory of their own.
    Owned(Arc<Vec<T>>),
    /// Numbers that live elsewhere, for example in a memory-mapped file that the owner keeps alive.
    Shared(Arc<dyn AsRef<[T]> + Send + Sync>),
}

impl<T> Buffer<T> {
    /// Shares `owner`'s numbers without copying them.
    pub fn shared(owner: impl AsRef<[T]> + Send + Sync + 'static) -> Self {
        Self::Shared(Arc::new(owner))
    }
}

impl<T: Clone> Buffer<T> {
    /// The numbers as a vector, copied only when others hold them too.
    pub fn into_vec(self) -> Vec<T> {
        match self {
            Self::Owned(values) => Arc::unwrap_or_clone(values),
            Self::Shared(owner) => (*owner).as_ref().to_vec(),
        }
    }
}

impl<T> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Owned(values) => Self::Owned(Arc::clone(values)),
            Self::Shared(owner) => Self::Shared(Arc::clone(owner)),
        }
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
        Self::Owned(Arc::new(values))
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
