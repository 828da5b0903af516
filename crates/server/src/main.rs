//! The `crossfade` program.

fn main() -> std::process::ExitCode {
    crossfade::cli::main()
}
