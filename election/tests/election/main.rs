//! The election from outside: its cases, whole groups through random faults, and arbitrary input.

mod arbitrary;
mod cases;
mod one_peer;
mod sim;
mod simulation;
