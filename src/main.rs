//! The `sidegate` command: installs the crypto provider, reads the command line, ends with its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    sidegate::cli::main()
}
