//! A member of the mesh under test: `bench_member ID N BASEPORT`. See [`mesh_tests::bench::contract`].

use std::process::ExitCode;

use mesh_tests::bench::contract::Place;
use mesh_tests::bench::ours;

fn main() -> ExitCode {
    match Place::of(std::env::args().skip(1)).and_then(ours::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench_member: {error}");
            ExitCode::FAILURE
        }
    }
}
