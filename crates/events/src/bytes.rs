//! Fields of records: numbers are little-endian, texts come after their length, and so do lists.

use crate::Error;

/// Fields being written.
#[derive(Debug)]
pub(crate) struct Writer<'a>(pub(crate) &'a mut Vec<u8>);

impl Writer<'_> {
    pub(crate) fn bytes<const N: usize>(&mut self, bytes: [u8; N]) {
        self.0.extend_from_slice(&bytes);
    }

    /// A text of at most 65,535 bytes.
    pub(crate) fn text(&mut self, text: &str) {
        self.bytes((text.len() as u16).to_le_bytes());
        self.0.extend_from_slice(text.as_bytes());
    }

    /// A list of at most 65,535 entries.
    pub(crate) fn list<T>(&mut self, entries: &[T], mut each: impl FnMut(&mut Self, &T)) {
        self.bytes((entries.len() as u16).to_le_bytes());
        for entry in entries {
            each(self, entry);
        }
    }
}

/// Fields that are left to read.
#[derive(Debug)]
pub(crate) struct Reader<'a, 'b>(pub(crate) &'a mut &'b [u8]);

impl<'b> Reader<'_, 'b> {
    /// The next `N` bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        *self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn u16(&mut self) -> Option<usize> {
        Some(usize::from(u16::from_le_bytes(self.bytes()?)))
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.bytes()?))
    }

    pub(crate) fn i64(&mut self) -> Option<i64> {
        Some(i64::from_le_bytes(self.bytes()?))
    }

    pub(crate) fn f64(&mut self) -> Option<f64> {
        Some(f64::from_le_bytes(self.bytes()?))
    }

    pub(crate) fn text(&mut self) -> Option<String> {
        let length = self.u16()?;
        let (text, rest): (&'b [u8], _) = self.0.split_at_checked(length)?;
        *self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    pub(crate) fn list<T>(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        (0..self.u16()?).map(|_| each(self)).collect()
    }
}

/// Whether a text or list of so many bytes or entries can be written.
pub(crate) fn check(length: usize) -> Result<(), Error> {
    match u16::try_from(length) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::Long { length }),
    }
}
