//! The benchmarks, as one table: run by `scripts/bench`. See [`mesh_tests::bench`].

use std::process::ExitCode;

use mesh_tests::bench::run;

fn main() -> ExitCode {
    run::main(std::env::args().skip(1))
}
