//! What the project does to itself: `cargo xtask test`, `cargo xtask tidy`, `cargo xtask requirements`.

mod requirements;
mod test;
mod tidy;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["tidy"] => tidy(root),
        ["requirements", ref words @ ..] => match requirements::run(root, words) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("{error:#}");
                ExitCode::FAILURE
            }
        },
        ["test"] => match test::run(root) {
            Ok(()) => {
                println!("==> all passed");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("==> {error:#}");
                ExitCode::FAILURE
            }
        },
        _ => {
            eprintln!("usage: cargo xtask test    install what the tests need and pass them all");
            eprintln!("       cargo xtask tidy    the rules of CONTRIBUTING.md that a machine can check");
            eprintln!("{}", requirements::USAGE.replacen("usage:", "      ", 1));
            ExitCode::from(2)
        }
    }
}

fn tidy(root: &Path) -> ExitCode {
    match tidy::run(root) {
        Ok(findings) if findings.is_empty() => {
            println!("tidy: nothing found");
            ExitCode::SUCCESS
        }
        Ok(findings) => {
            findings.iter().for_each(|finding| println!("{finding}"));
            println!("tidy: {} found", findings.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("tidy: {error:#}");
            ExitCode::FAILURE
        }
    }
}
