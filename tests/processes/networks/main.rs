//! Groups on real networks, in which what fails are cables and routers: the peers are told nothing.
//!
//! They need network namespaces and `nft`. Where these are not permitted, each test says so and is skipped.

mod cutting;
mod deciding;
mod meeting;
mod pulling;
mod site;
mod splitting;
