//! Work that lets the answering of requests go first.

/// How much nicer than the program threads of such work are: on a busy core they get about a tenth of what others do. With no
/// more than what others leave, a server that is asked too much would never get its next bundle.
#[cfg(target_os = "linux")]
const NICER: i32 = 10;

/// Runs `work`, and what it does on rayon's current pool, on threads that others come before. Where the system has no
/// priorities of threads they are threads like others.
pub(crate) fn aside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let pool = rayon::ThreadPoolBuilder::new()
        .thread_name(|index| format!("aside-{index}"))
        .start_handler(|_| give_way())
        .build();
    match pool {
        Ok(pool) => pool.install(work),
        Err(_) => work(),
    }
}

/// Lets other threads go before the current one.
fn give_way() {
    // Elsewhere this would be the priority of the whole process. And it is a wish: without it everything works, only less
    // smoothly.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICER);
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_what_runs_aside_gives_way() {
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let before = nice();
        // The nicest there is.
        let after = (before + NICER).min(19);
        assert_eq!(aside(nice), after);
        assert_eq!(aside(|| rayon::join(nice, nice)), (after, after));
        assert_eq!(nice(), before);
    }
}
