//! A member that does the least: `floor_member ID N BASEPORT`. See [`mesh_tests::bench::contract`].

use std::process::ExitCode;

use mesh_tests::bench::contract::Place;
use mesh_tests::bench::floor;

fn main() -> ExitCode {
    match Place::of(std::env::args().skip(1)).and_then(floor::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("floor_member: {error}");
            ExitCode::FAILURE
        }
    }
}
