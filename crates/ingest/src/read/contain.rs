use std::{
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

use parquet::errors::{ParquetError, Result};

thread_local! {
    static CONTAINING: Cell<bool> = const { Cell::new(false) };
}

/// Runs a step of the Parquet decoder and turns a panic into an error.
///
/// The decoder is written for files of well-behaved writers and still has assertions and index operations that a damaged
/// file can trip (with version 59.3, one flipped byte does so in a few cases in a thousand). A damaged file is a data error here, so the panic ends at the file it belongs to. Its message becomes
/// the error's; the process-wide panic hook is wrapped once so as not to print a backtrace as well, and it is unchanged
/// for every panic that does not come from `step`.
///
/// The step's state must not be used again after an error: it may be half-changed.
pub(super) fn contain<T>(step: impl FnOnce() -> Result<T>) -> Result<T> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let outer = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !CONTAINING.get() {
                outer(info);
            }
        }));
    });
    CONTAINING.set(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(step));
    CONTAINING.set(false);
    outcome.unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let text = text.unwrap_or("no message");
        Err(ParquetError::General(format!(
            "the decoder gave up: {text}"
        )))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_message() {
        let error = contain::<()>(|| panic!("page {} is bad", 7)).unwrap_err();
        assert!(error.to_string().contains("page 7 is bad"), "{error}");
        assert_eq!(contain(|| Ok(1)).unwrap(), 1);
    }
}
