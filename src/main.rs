//! The `adit` binary: everything is in the library beside it.

fn main() -> std::process::ExitCode {
    adit::cli::main()
}
