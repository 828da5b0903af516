use anyhow::Context;
use rand::{TryRng, rngs::SysRng};
use serde::Serialize;

use super::{args::Token, ui::Ui};

/// Random bytes of a token.
const BYTES: usize = 32;

/// A new token, and what a server is told of it.
#[derive(Debug, Serialize)]
struct Made {
    token: String,
    line: String,
}

pub(super) fn run(args: &Token, ui: &Ui) -> anyhow::Result<()> {
    let is_name = !args.name.is_empty() && !args.name.starts_with('#');
    anyhow::ensure!(
        is_name && !args.name.contains(char::is_whitespace),
        "{:?} is no name: it must have no white space and not begin with #",
        args.name
    );
    let mut bytes = [0; BYTES];
    SysRng
        .try_fill_bytes(&mut bytes)
        .context("the system gives no random numbers")?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let token = format!("cf_{digits}");
    let scopes: Vec<&str> = args.scopes.iter().map(|scope| scope.name()).collect();
    let hash = blake3::hash(token.as_bytes());
    let made = Made {
        line: format!("{} {} {hash}", args.name, scopes.join(",")),
        token,
    };
    ui.result(&made, |made| {
        format!(
            "token, for the caller to keep:\n{}\n\nline, for the file of serve.tokens:\n{}",
            made.token, made.line
        )
    })
}
