//! The `sidegate` command: installs the crypto provider, reads the command line, ends with its exit code.

use std::process::ExitCode;

/// A request allocates some dozens of small things; the system's allocator takes three times as long for them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    sidegate::cli::main()
}
