//! Whole groups through faults, simulated: see [`mesh_tests::sim`].

mod basics;
mod large;
mod mutations;
mod random;
mod schedules;
