//! Clients of the gateway, in a real mesh. What each byte means is in `docs/gateway.md`.

mod chatting;
mod client;
mod dying;
mod examples;
mod hostile;
mod meeting;
mod vectors;
